// The forms that all contestants get, each different from the others.

const HOSTS = [
  'smtp.example.org',
  'mail.acme-industries.com',
  'relay.contoso.net',
  'smtp.fabrikam.de',
  'mx1.initech.io',
  'outbound.globex.co.uk',
  'smtp.umbrella.fr',
  'mail.hooli.nl',
  'smtp.gmail.com',
  'smtp.sendgrid.net',
  'in-v3.mailjet.com',
];
const PORTS = [587, 465, 2525];

const valid = (number) => {
  const host = HOSTS[number % HOSTS.length];
  const port = PORTS[number % PORTS.length];
  return {
    host,
    port,
    security: port === 465 ? 'tls' : 'starttls',
    username: `mailer-${number}`,
    password: { set: `abcd efgh ijkl mno${number % 10}`.replaceAll(' ', '') },
    senderAddress: `notifications${number}@customer-${number}.example.com`,
    senderName: `Customer ${number}`,
  };
};

/** Mistakes of users that every peer's schema finds, too. */
const MISTAKES = [
  (form) => ({ ...form, host: '' }),
  (form) => ({ ...form, host: 'smtp server', senderAddress: 'nobody' }),
  (form) => ({ ...form, port: 70_000, username: '' }),
  (form) => ({ ...form, port: 3025, security: 'none' }),
  (form) => ({ ...form, senderAddress: 'a b@example.org', password: {} }),
  (form) => ({ host: form.host, port: form.port }),
  (form) => ({ ...form, host: `-${form.host}`, port: '587', senderAddress: '@example.org' }),
  () => ({}),
];

export const validForms = Array.from({ length: 32 }, (_, number) => valid(number));
export const invalidForms = validForms.map((form, number) => MISTAKES[number % MISTAKES.length](form));
/** A host as it is typed, one form for each keystroke. */
export const typedForms = validForms.map((form, number) => ({ ...form, host: form.host.slice(0, 4 + (number % 12)) }));
