// The setup of every real mail server in the suite: one account, which may send from one address and to two
// recipients, by STARTTLS on one port and by implicit TLS on another.
export const HOSTNAME = 'smtp.customer.test';
export const USERNAME = 'mailer';
export const PASSWORD = 'Tr0ub4dor & "3"';
export const SENDER = 'noreply@customer.test';
export const RECIPIENT = 'jan@example.net';
/** A recipient that needs SMTPUTF8. */
export const RECIPIENT_UTF8 = 'jörg@example.net';
export const RECIPIENTS = [RECIPIENT, RECIPIENT_UTF8];
