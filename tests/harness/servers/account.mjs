// What every real mail server of the suite is set up for: one account, which may send as one address and to two
// recipients, by STARTTLS on one port and by TLS from the start on another.
export const HOSTNAME = 'smtp.customer.test';
export const USERNAME = 'mailer';
export const PASSWORD = 'Tr0ub4dor & "3"';
export const SENDER = 'noreply@customer.test';
export const RECIPIENT = 'jan@example.net';
/** Takes SMTPUTF8 to reach. */
export const RECIPIENT_UTF8 = 'jörg@example.net';
export const RECIPIENTS = [RECIPIENT, RECIPIENT_UTF8];
