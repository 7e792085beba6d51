// Made by `cargo xtask types` from the JSON Schemas of the Rust types. Change those, not this file.

/** What the form collects. */
export interface SmtpSettings {
  /** DNS name (IDN accepted, kept as A-labels) or an IP literal. */
  host: string;
  /** Default 25; allowed: 25, 465, 587, 2525, 2465, 2587 and what the operator adds. */
  port?: number | null;
  /** How the connection is encrypted; `starttls` by default. */
  security?: Security | null;
  /** How the client signs in; `password` by default. */
  authMethod?: AuthMethod | null;
  /** The account; required unless authMethod is none. At most 255 octets. */
  username?: string | null;
  /** Required with authMethod password. */
  password?: SecretInput | null;
  /** Required with authMethod oauth2. */
  oauth2?: OAuth2 | null;
  /** MAIL FROM and From: of every mail. */
  senderAddress: string;
  /** Display name in From:. At most 256 characters. */
  senderName?: string | null;
  /** The address that recipients answer to. */
  replyTo?: string | null;
  /** Fully qualified domain name for EHLO; else the one of `OWNPOST_EHLO_NAME`. */
  ehloName?: string | null;
  /** Private CA of the relay, PEM. At most 32 KiB. */
  caPem?: string | null;
  /** Per category: through which server, and what to do when the relay fails. */
  routing?: Routing | null;
  /** The addresses that hear of a broken relay; else those who saved last. */
  contacts?: string[] | null;
}

/** How the connection is encrypted. There is no "none". */
export type Security =
  /** STARTTLS, required, never opportunistic. */
  | "starttls"
  /** Implicit TLS. */
  | "tls";

/** How the session authenticates. */
export type AuthMethod =
  /** SASL PLAIN or LOGIN. */
  | "password"
  /** SASL XOAUTH2 or OAUTHBEARER. */
  | "oauth2"
  /** No AUTH: the relay accepts Ownpost by its IP address. */
  | "none";

/** A secret: a new one, or the stored one. */
export type SecretInput =
  /** A new secret takes the place of the stored one. */
  | {
    /** The new secret, at most 4096 octets. */
    set: string;
    /** What becomes of the white space in `set`: keep (default), trim around it, or remove all. */
    spaces?: Spaces | null;
    /** Must not be there beside `set`. */
    keep?: null;
  }
  /** The stored secret stays. */
  | {
    /** Keeps the stored one, as long as its destination stays the same. */
    keep: true;
    /** Must not be there beside `keep`. */
    set?: null;
  };

/** What becomes of the white space in a secret. */
export type Spaces =
  /** White space belongs to the secret. */
  | "keep"
  /** White space around the secret does not belong to it. */
  | "trim"
  /** No white space belongs to the secret, not even inside it. */
  | "remove";

/** Where and with what access tokens are fetched. */
export interface OAuth2 {
  /** How the access token is requested. */
  grant: Grant;
  /** The operator's provider that the mailbox is connected with (`POST /smtp/oauth/start`); client and token endpoint are the operator's then. */
  provider?: string | null;
  /** The https token endpoint. Required without a provider. */
  tokenUrl?: string | null;
  /** The client registered with the provider. Required without a provider of the operator's. */
  clientId?: string | null;
  /** Its secret; optional with a refresh token. */
  clientSecret?: SecretInput | null;
  /** The day on which its secret ends, as `2027-01-31`; warned of at 30, 7 and 1 days. */
  clientSecretExpires?: string | null;
  /** Required with grant refresh_token. */
  refreshToken?: RefreshTokenInput | null;
  /** Required with grant client_credentials. */
  scope?: string | null;
}

/** The two OAuth 2 grants that work without a person. */
export type Grant =
  /** The client's own credentials (RFC 6749 §4.4). */
  | "client_credentials"
  /** A refresh token (RFC 6749 §6). */
  | "refresh_token";

/** A refresh token: a new one, the stored one, or what "Connect with…" has brought. */
export type RefreshTokenInput =
  /** A new secret, or the stored one. */
  | SecretInput
  /** What a connection with a provider has brought becomes the secret, once. */
  | {
    /** The ID that the connection gave the page. */
    granted: string;
  };

/** The rules for the four categories. */
export interface Routing {
  notification?: Route | null;
  "rights-request"?: Route | null;
  "audit-invitation"?: Route | null;
  "user-invitation"?: Route | null;
}

/** The rule for one category. */
export interface Route {
  /** The server that carries the category; `relay` by default. */
  via?: Via | null;
  /** What happens while the relay fails; `hold` by default. */
  onFailure?: OnFailure | null;
}

/** Which server carries a mail. */
export type Via =
  /** The tenant's own SMTP server. */
  | "relay"
  /** The platform's default SMTP service. */
  | "platform";

/** What happens to a category's mail while the tenant's relay is broken. */
export type OnFailure =
  /** Keep it until the relay works again. The default: mail never leaves by another way unasked. */
  | "hold"
  /** Send it through the platform's server. */
  | "platform";

/** What the rules say of a settings document: all issues, in the order of the fields. */
export interface ValidationReport {
  /** False as soon as one issue is an error. */
  valid: boolean;
  /** All issues, in the order of the fields. */
  issues: Issue[];
}

/** One problem of one field. */
export interface Issue {
  /** Dotted path into the settings; empty for the whole document. */
  field: string;
  /** Stable code of the catalogue. */
  code: IssueCode;
  /** Whether it stops the settings from being used. */
  severity: Severity;
  /** The values in the message; texts or numbers. */
  params: Record<string, IssueParam>;
  /** For the admin, in the asked locale. */
  message: string;
  /** A JSON merge patch (RFC 7396) that repairs it, or null. */
  fix: Record<string, unknown> | null;
}

/** The stable codes of all issues. */
export type IssueCode =
  /** The document is no JSON text. */
  | "settings.not_json"
  /** The document is no JSON object. */
  | "settings.not_an_object"
  /** The document is larger than 1 MiB. */
  | "settings.too_large"
  /** The document is nested deeper than 32 levels. */
  | "settings.too_deep"
  /** No host. */
  | "host.required"
  /** The host is no string. */
  | "host.wrong_type"
  /** White space around the host. */
  | "host.whitespace"
  /** A control character in the host. */
  | "host.control_characters"
  /** A character in the host that nobody sees. */
  | "host.invisible_characters"
  /** A hyphen or dash of typesetting (U+2010 to U+2015, U+2212) in the host. */
  | "host.typographic_hyphen"
  /** A URL in place of a host. */
  | "host.url"
  /** An e-mail address in place of a host. */
  | "host.email"
  /** Brackets around an IP address. */
  | "host.brackets"
  /** The port stands behind the host. */
  | "host.has_port"
  /** A dot at the end of the host. */
  | "host.trailing_dot"
  /** The host is longer than 253 octets as A-labels. */
  | "host.too_long"
  /** A label of the host is longer than 63 octets. */
  | "host.label_too_long"
  /** Two dots in a row, or a dot at the start. */
  | "host.empty_label"
  /** An underscore in the host. */
  | "host.underscore"
  /** A label of the host starts or ends with a hyphen. */
  | "host.hyphen"
  /** A character that no host name has. */
  | "host.invalid"
  /** Not a name by UTS 46. */
  | "host.idn_invalid"
  /** Not a name by the strict form of UTS 46 (hyphens, punycode). */
  | "host.idn_refused"
  /** A mis-spelt IP address; the fix is there where only one address can be meant. */
  | "host.invalid_address"
  /** An address that is not public, or a name for one. */
  | "host.forbidden_address"
  /** A name without a domain. */
  | "host.single_label"
  /** A label that mixes scripts. */
  | "host.mixed_script"
  /** A name that public DNS does not have, such as one below .local, an example's or a placeholder. */
  | "host.not_public"
  /** The domain of a known provider in place of its SMTP server. */
  | "host.bare_domain"
  /** The IMAP, POP, MX, web or API server of a known provider. */
  | "host.other_service"
  /** Close to the SMTP server of a known provider. */
  | "host.typo"
  /** The port is no number. */
  | "port.wrong_type"
  /** The port is no whole number between 1 and 65535. */
  | "port.invalid"
  /** A port that the operator does not allow. */
  | "port.not_allowed"
  /** Port 25, which many networks block. */
  | "port.often_blocked"
  /** The TLS mode is no string. */
  | "security.wrong_type"
  /** Neither starttls nor tls. */
  | "security.invalid"
  /** The port does not go with the TLS mode. */
  | "security.port_mismatch"
  /** The authentication method is no string. */
  | "authMethod.wrong_type"
  /** None of password, oauth2, none. */
  | "authMethod.invalid"
  /** A provider that retires passwords. */
  | "authMethod.password_ending"
  /** No username. */
  | "username.required"
  /** The username is no string. */
  | "username.wrong_type"
  /** A control character in the username. */
  | "username.control_characters"
  /** The username is longer than 255 octets. */
  | "username.too_long"
  /** White space around the username. */
  | "username.whitespace"
  /** An invisible character in the username. */
  | "username.invisible_characters"
  /** U+FFFD in the username: bytes that were not UTF-8. */
  | "username.replacement_character"
  /** A username with authMethod none. */
  | "username.unused"
  /** No password. */
  | "password.required"
  /** Neither {"set": text} nor {"keep": true}. */
  | "password.wrong_type"
  /** An unknown key in the password object. */
  | "password.unknown_key"
  /** What the API shows was sent back; keep is meant. */
  | "password.is_set"
  /** Both set and keep. */
  | "password.ambiguous"
  /** CR, LF or NUL in the password. */
  | "password.line_break"
  /** The password is longer than 4096 octets. */
  | "password.too_long"
  /** Only mask characters. */
  | "password.looks_masked"
  /** A control character in the password. */
  | "password.control_characters"
  /** White space around the password. */
  | "password.whitespace"
  /** A character in the password that nobody sees. */
  | "password.invisible_characters"
  /** U+FFFD in the password: bytes that were no UTF-8. */
  | "password.replacement_character"
  /** An application password with the spaces it is shown with. */
  | "password.app_password_spaces"
  /** The provider accepts only application passwords. */
  | "password.app_password"
  /** A password with another authMethod. */
  | "password.unused"
  /** Nothing is stored, or for another destination. */
  | "password.reentry_required"
  /** A part of oauth2 that this grant needs is missing. */
  | "oauth2.required"
  /** Not of the kind of value it has to be. */
  | "oauth2.wrong_type"
  /** An unknown key in oauth2. */
  | "oauth2.unknown_key"
  /** Neither client_credentials nor refresh_token. */
  | "oauth2.grant_invalid"
  /** client_credentials at a provider that has it not for mailboxes. */
  | "oauth2.grant_unsupported"
  /** A provider that the operator has not set up. */
  | "oauth2.provider_unknown"
  /** No absolute https URL. */
  | "oauth2.token_url_invalid"
  /** An http URL. */
  | "oauth2.token_url_not_https"
  /** Microsoft's endpoint without a tenant: with client_credentials that of all tenants, or a placeholder. */
  | "oauth2.tenant_needed"
  /** client_credentials at Microsoft with a scope of users or of another service. */
  | "oauth2.scope_unsupported"
  /** The address where people sign in, in place of the one for tokens. */
  | "oauth2.not_token_endpoint"
  /** No day as in 2027-01-31. */
  | "oauth2.date_invalid"
  /** The token URL leads to an address that is not public. */
  | "oauth2.forbidden_address"
  /** The token URL's host is not a name by the strict form of UTS 46. */
  | "oauth2.idn_refused"
  /** A control character. */
  | "oauth2.control_characters"
  /** Too long. */
  | "oauth2.too_long"
  /** A secret of mask characters alone. */
  | "oauth2.looks_masked"
  /** Both set and keep. */
  | "oauth2.ambiguous"
  /** What the API shows was sent back; keep is meant. */
  | "oauth2.is_set"
  /** White space around it. */
  | "oauth2.whitespace"
  /** A character that nobody sees. */
  | "oauth2.invisible_characters"
  /** U+FFFD: bytes that were no UTF-8. */
  | "oauth2.replacement_character"
  /** Nothing is stored, or for another destination. */
  | "oauth2.reentry_required"
  /** What a connection has brought was used already. */
  | "oauth2.granted_used"
  /** What a connection has brought was not used within an hour. */
  | "oauth2.granted_expired"
  /** No connection of this tenant, admin and provider has brought it. */
  | "oauth2.granted_foreign"
  /** Not used by this authMethod or grant. */
  | "oauth2.unused"
  /** No sender address. */
  | "senderAddress.required"
  /** The sender address is no string. */
  | "senderAddress.wrong_type"
  /** White space around the address. */
  | "senderAddress.whitespace"
  /** A control character in the address. */
  | "senderAddress.control_characters"
  /** A character in the address that nobody sees. */
  | "senderAddress.invisible_characters"
  /** A hyphen or dash of typesetting (U+2010 to U+2015, U+2212) in the domain. */
  | "senderAddress.typographic_hyphen"
  /** A name stands before the address. */
  | "senderAddress.display_name"
  /** Not usable as MAIL FROM and From: no dot-atom or quoted local part, or no domain of two labels. */
  | "senderAddress.invalid"
  /** A local part longer than 64 octets, or an address longer than 254. */
  | "senderAddress.too_long"
  /** The domain is not a name by the strict form of UTS 46. */
  | "senderAddress.idn_refused"
  /** A label that mixes scripts. */
  | "senderAddress.mixed_script"
  /** A local part that needs SMTPUTF8. */
  | "senderAddress.non_ascii_local"
  /** Close to a well-known mail domain. */
  | "senderAddress.typo"
  /** A domain that public DNS does not have, such as one below .local, or a placeholder. */
  | "senderAddress.not_public"
  /** A free-mail sender through another provider's server. */
  | "senderAddress.free_mail"
  /** A sender that the provider's server will not take. */
  | "senderAddress.provider_mismatch"
  /** The sender's name is no string. */
  | "senderName.wrong_type"
  /** A control character in the name. */
  | "senderName.control_characters"
  /** The name is longer than 256 characters. */
  | "senderName.too_long"
  /** White space around the name. */
  | "senderName.whitespace"
  /** A character in the name that nobody sees, or that turns its direction around. */
  | "senderName.invisible_characters"
  /** U+FFFD in the name: bytes that were no UTF-8. */
  | "senderName.replacement_character"
  /** The reply address is no string. */
  | "replyTo.wrong_type"
  /** White space around the address. */
  | "replyTo.whitespace"
  /** A control character in the address. */
  | "replyTo.control_characters"
  /** A character in the address that nobody sees. */
  | "replyTo.invisible_characters"
  /** A hyphen or dash of typesetting (U+2010 to U+2015, U+2212) in the domain. */
  | "replyTo.typographic_hyphen"
  /** A name stands before the address. */
  | "replyTo.display_name"
  /** Not usable as Reply-To: no dot-atom or quoted local part, or no domain of two labels. */
  | "replyTo.invalid"
  /** A local part longer than 64 octets, or an address longer than 254. */
  | "replyTo.too_long"
  /** The domain is not a name by the strict form of UTS 46. */
  | "replyTo.idn_refused"
  /** A label that mixes scripts. */
  | "replyTo.mixed_script"
  /** A local part that needs SMTPUTF8. */
  | "replyTo.non_ascii_local"
  /** Close to a well-known mail domain. */
  | "replyTo.typo"
  /** A domain that public DNS does not have, such as one below .local, or a placeholder. */
  | "replyTo.not_public"
  /** The EHLO name is no string. */
  | "ehloName.wrong_type"
  /** White space around the EHLO name. */
  | "ehloName.whitespace"
  /** A control character in the EHLO name. */
  | "ehloName.control_characters"
  /** No fully qualified domain name. */
  | "ehloName.invalid"
  /** A name that public DNS does not have, such as one below .local, or a placeholder. */
  | "ehloName.not_public"
  /** The certificates are no string. */
  | "caPem.wrong_type"
  /** The certificates are larger than 32 KiB. */
  | "caPem.too_long"
  /** A control character other than line ends and tabs. */
  | "caPem.control_characters"
  /** A private key. */
  | "caPem.private_key"
  /** No CERTIFICATE block. */
  | "caPem.no_certificate"
  /** A block that is no certificate. */
  | "caPem.invalid"
  /** A certificate that has expired. */
  | "caPem.expired"
  /** A certificate that is not valid yet. */
  | "caPem.not_yet_valid"
  /** A certificate that vouches for no other and names no server. */
  | "caPem.not_a_ca"
  /** Not of the kind of value it has to be. */
  | "routing.wrong_type"
  /** Neither relay nor platform. */
  | "routing.via_invalid"
  /** Neither hold nor platform. */
  | "routing.on_failure_invalid"
  /** An unknown key in a category. */
  | "routing.unknown_key"
  /** A category that nobody knows. */
  | "routing.unknown_category"
  /** No list of strings. */
  | "contacts.wrong_type"
  /** More than five addresses. */
  | "contacts.too_many"
  /** White space around an address. */
  | "contacts.whitespace"
  /** A control character in an address. */
  | "contacts.control_characters"
  /** A character in an address that nobody sees. */
  | "contacts.invisible_characters"
  /** A hyphen or dash of typesetting (U+2010 to U+2015, U+2212) in a domain. */
  | "contacts.typographic_hyphen"
  /** A name stands before an address. */
  | "contacts.display_name"
  /** Not usable as an address: no dot-atom or quoted local part, or no domain of two labels. */
  | "contacts.invalid"
  /** A local part longer than 64 octets, or an address longer than 254. */
  | "contacts.too_long"
  /** A domain is not a name by the strict form of UTS 46. */
  | "contacts.idn_refused"
  /** A label that mixes scripts. */
  | "contacts.mixed_script"
  /** A local part that needs SMTPUTF8. */
  | "contacts.non_ascii_local"
  /** Close to a well-known mail domain. */
  | "contacts.typo"
  /** A domain that public DNS does not have, such as one below .local, or a placeholder. */
  | "contacts.not_public"
  /** An address that stands twice. */
  | "contacts.duplicate"
  /** An unknown key. */
  | "settings.unknown_key";

/** Whether an issue stops the settings from being used. */
export type Severity =
  /** The settings cannot be tested or saved. */
  | "error"
  /** The settings can be used; something looks wrong. */
  | "warning";

/** A value of [`Issue::params`], for the schema. */
export type IssueParam =
  | string
  | number;

/** What a connectivity test found. At most 1 MB as JSON; every key is always there. */
export interface TestReport {
  /** Whether every stage that was asked for passed. */
  ok: boolean;
  /** The stages in the order performed; those that could not be reached are `skipped`. */
  stages: StageResult[];
  /** The failure that ended the test; null when it passed. */
  failure: TestFailure | null;
  /** TLS and the certificate, also when that was what failed. */
  tls: TlsFacts | null;
  /** What the server offers. */
  capabilities: Capabilities;
  /** Client's and server's lines, without secrets. */
  transcript: TranscriptLine[];
  /** The test mail, once it was accepted. */
  testMessage: TestMessage | null;
  /** What DNS says of mail sent this way; warnings only. */
  deliverability: Deliverability | null;
}

/** One stage of a connectivity test. */
export interface StageResult {
  /** The stage of the session. */
  stage: Stage;
  /** How the stage ended. */
  status: StageStatus;
  /** How long it took, in milliseconds. */
  ms: number;
  /** What the stage brought to light, such as the address connected to. */
  detail: StageDetail;
}

/** A stage of a session, in the order of a STARTTLS session (RFC 3207); with implicit TLS, `tls` comes before `greeting`. */
export type Stage =
  /** The name is looked up and every address checked. */
  | "resolve"
  /** TCP. */
  | "connect"
  /** The server's 220. */
  | "greeting"
  /** EHLO before TLS. */
  | "ehlo"
  /** STARTTLS, the handshake, the certificate and the EHLO after it. */
  | "tls"
  /** AUTH. */
  | "auth"
  /** MAIL FROM. */
  | "sender"
  /** RCPT TO. */
  | "recipient"
  /** DATA, and the reply after the final dot. */
  | "message";

/** How a stage ended. */
export type StageStatus =
  /** The stage succeeded. */
  | "passed"
  /** The stage failed and ended the test. */
  | "failed"
  /** The stage was not performed. */
  | "skipped"
  /** The stage succeeded, and the admin should look at something. */
  | "warned";

/** The facts of a stage. Each stage fills the fields that are its own; the others are absent. */
export interface StageDetail {
  /** `resolve`: the relay's addresses. */
  addresses?: string[];
  /** `connect`: the address connected to. `sender` and `recipient`: the mail address given. */
  address?: string | null;
  /** `connect`: the port connected to. */
  port?: number | null;
  /** `greeting`: the text of the 220 reply. */
  banner?: string | null;
  /** `ehlo`: the name that the client gave. */
  name?: string | null;
  /** `tls`: the version negotiated. */
  version?: string | null;
  /** `tls`: the cipher suite by its IANA name. */
  cipher?: string | null;
  /** `auth`: the SASL mechanism used. */
  mechanism?: string | null;
  /** `message`: the size of the test mail. */
  octets?: number | null;
  /** `sender`, `recipient`, `message`: the server's reply as a line. */
  reply?: string | null;
  /** Of a skipped stage: the reason, when it is not the failure of an earlier stage. */
  why?: string | null;
}

/** Why the test failed, for the admin. */
export interface TestFailure {
  /** The stage that failed. */
  stage: Stage;
  /** The stable code of the failure. */
  code: FailureCode;
  /** The setting to look at, as a dotted path; empty when it is none in particular. */
  field: string;
  /** The server's reply; null when it never answered. */
  smtp: Reply | null;
  /** What happened, in the asked locale. */
  message: string;
  /** What to do about it, in the asked locale. */
  remedy: string;
  /** A JSON merge patch of settings that work, proven by a second connection; null when none was found. */
  fix: Record<string, unknown> | null;
}

/** Why a session failed: the stable codes of docs/reference/reports.md. Codes are added, never renamed. */
export type FailureCode =
  /** The name does not exist or has no address. */
  | "resolve.not_found"
  /** No name server answered in time. */
  | "resolve.timeout"
  /** The name servers answered with a failure, such as SERVFAIL. */
  | "resolve.failed"
  /** An address of the name may not be dialled. */
  | "resolve.forbidden"
  /** Connection refused. */
  | "connect.refused"
  /** No answer to the connection attempt. */
  | "connect.timeout"
  /** No route to the host or network. */
  | "connect.unreachable"
  /** The cloud blocks this outbound port, as AWS does with 25. */
  | "connect.port_blocked"
  /** Connected, but no greeting in time. */
  | "greeting.timeout"
  /** A 5xx greeting. */
  | "greeting.rejected"
  /** Whatever answered is not an SMTP server. */
  | "greeting.not_smtp"
  /** EHLO, or the name we introduced ourselves with, was refused. */
  | "ehlo.rejected"
  /** STARTTLS is not advertised, or refused for good. */
  | "tls.not_offered"
  /** TLS spoken to a plain port or the reverse; proven by a second connection. */
  | "tls.mode_mismatch"
  /** The chain does not lead to a trusted root. */
  | "tls.untrusted"
  /** The leaf certificate signed itself. */
  | "tls.self_signed"
  /** The certificate is for other names. */
  | "tls.name_mismatch"
  /** The certificate has expired. */
  | "tls.expired"
  /** The certificate is not valid yet. */
  | "tls.not_yet_valid"
  /** Only versions below TLS 1.2, or keys too weak. */
  | "tls.legacy"
  /** The server asks for a certificate of the client, which has none. */
  | "tls.client_certificate"
  /** A key, curve or signature that cannot be checked, although it is not weak. */
  | "tls.unsupported"
  /** Plaintext followed the STARTTLS reply. */
  | "tls.injected"
  /** The handshake failed in another way. */
  | "tls.failed"
  /** AUTH is not offered. */
  | "auth.not_offered"
  /** None of the offered mechanisms is one we speak. */
  | "auth.mechanism_unsupported"
  /** The server wants authentication that the settings do not give. */
  | "auth.required"
  /** Username or password refused. */
  | "auth.rejected"
  /** The server cannot authenticate just now. */
  | "auth.temporary"
  /** The account wants an application password. */
  | "auth.app_password_required"
  /** The provider has switched password authentication off. */
  | "auth.basic_disabled"
  /** The token, or the token endpoint, was refused. */
  | "auth.oauth_failed"
  /** The sender address was refused. */
  | "sender.rejected"
  /** The recipient was refused. */
  | "recipient.rejected"
  /** The message was refused. */
  | "message.rejected"
  /** The final dot may have left, and no readable reply came: nobody knows. */
  | "message.unknown"
  /** The server does not let us send: it relays for others, or from other addresses. */
  | "relay.denied"
  /** Our address is on a block list, or refused by the server's policy. */
  | "relay.blocked"
  /** The account or tenant is blocked. */
  | "relay.suspended"
  /** A limit of the account is reached. It passes by itself. */
  | "relay.quota"
  /** The sender's local part needs SMTPUTF8 (RFC 6531), which the server does not offer. We refuse it ourselves. The test has seen it offered, so it may be another machine of the server: the mail is tried again. */
  | "sender.needs_smtputf8"
  /** The recipient's local part needs SMTPUTF8 (RFC 6531), which the server does not offer. We refuse it ourselves. */
  | "recipient.needs_smtputf8"
  /** A reply that is no SMTP reply. */
  | "protocol.malformed"
  /** A line or reply beyond the limits. */
  | "protocol.too_long"
  /** The server closed the connection. */
  | "protocol.disconnected"
  /** The server fell silent. */
  | "protocol.timeout"
  /** Any other 4xx. */
  | "smtp.temporary";

/** An SMTP reply (RFC 5321 §4.2) with its enhanced status code (RFC 3463), when it carries one. */
export interface Reply {
  /** Three digits, 200 to 599. */
  code: number;
  /** `5.7.8`. */
  enhanced: EnhancedCode | null;
  /** The text of all lines without codes, joined by line feeds; a secret is replaced by `<redacted>`. */
  text: string;
}

/** An enhanced mail system status code (RFC 3463): class, subject, detail. */
export type EnhancedCode = string;

/** TLS as it was negotiated. */
export interface TlsFacts {
  /** `TLSv1.3` or `TLSv1.2`; null when the handshake did not get that far. */
  version: string | null;
  /** The cipher suite by its IANA name; null likewise. */
  cipher: string | null;
  /** The server's certificate; null when it showed none that parses. */
  certificate: CertificateFacts | null;
}

/** The server's certificate. */
export interface CertificateFacts {
  /** The subject's distinguished name. */
  subject: string;
  /** The issuer's distinguished name. */
  issuer: string;
  /** The DNS names and IP addresses it is for. */
  names: string[];
  /** Valid from, RFC 3339. */
  notBefore: string;
  /** Valid until, RFC 3339. */
  notAfter: string;
  /** SHA-256 of the certificate, in hex. */
  sha256: string;
}

/** What the server's EHLO replies list; null where there was none. */
export interface Capabilities {
  /** What the EHLO reply before TLS lists. */
  beforeTls: string[] | null;
  /** What the EHLO reply after TLS lists. */
  afterTls: string[] | null;
}

/** One line of the transcript. */
export interface TranscriptLine {
  /** Milliseconds since the test began. */
  ms: number;
  /** The side that sent it. */
  from: Speaker;
  /** The line, without its end. */
  line: string;
}

/** The side that sent a line. */
export type Speaker =
  /** The relay sent the line. */
  | "server"
  /** Ownpost sent the line. */
  | "client";

/** The test mail that the server accepted. */
export interface TestMessage {
  /** Its Message-ID without angle brackets. */
  messageId: string;
  /** The address that it went to. */
  recipient: string;
  /** The server's last reply, code included. */
  reply: string;
}

/** What DNS says of mail from the sender's domain through this relay. Never fails a test. */
export interface Deliverability {
  /** SPF (RFC 7208). */
  spf: DnsFinding;
  /** DKIM (RFC 6376). */
  dkim: DnsFinding;
  /** DMARC (RFC 7489). */
  dmarc: DnsFinding;
  /** What to do, in the asked locale. */
  advice: string[];
}

/** What one kind of DNS record says. */
export interface DnsFinding {
  /** `missing`, `invalid` or `unknown`; of SPF also `pass` and `fail`, of DKIM `pass`, of DMARC the policy: `none`, `quarantine`, `reject`. Only a mail's own signature names its DKIM selector: of relays whose provider does not let it be known otherwise DKIM is `unknown`. */
  result: string;
  /** The record, if there is one. */
  record: string | null;
}

/** What a received mail's header says of its way and of its sender. */
export interface InspectReport {
  /** Its Message-ID without angle brackets, or null. */
  messageId: string | null;
  /** Whether it is the mail that was asked for; null when no Message-ID was given. */
  matches: boolean | null;
  /** The address in From, or null. */
  from: string | null;
  /** Whether From is the configured sender; null when no sender was given. */
  senderMatches: boolean | null;
  /** The address in Return-Path, which SPF is about; empty for `<>`, null when it is not there. */
  returnPath: string | null;
  /** The servers that it went through, the oldest first. */
  hops: Hop[];
  /** Whether it left by the configured server. */
  viaRelay: ViaRelay;
  /** The index in `hops` of the hop that shows it, or null. */
  relayHop: number | null;
  /** What the receiver found, by its own Authentication-Results (RFC 8601); null when there are none that can be believed. */
  authentication: Authentication | null;
  /** What there is to say, errors first. */
  findings: InspectFinding[];
}

/** A server that took the mail over, by its Received field (RFC 5321 §4.4). */
export interface Hop {
  /** The name or address that handed it over, or null. */
  from: string | null;
  /** The server that took it, or null. */
  by: string | null;
  /** The protocol as the server names it, such as `ESMTPS`, or null. */
  with: string | null;
  /** Whether it came encrypted; null when the field does not say. */
  tls: boolean | null;
  /** The TLS version, when the field says it. */
  tlsVersion: string | null;
  /** When, in UTC (RFC 3339), or null. */
  at: string | null;
  /** Seconds since the hop before; below zero when the clocks differ, null when either time is missing. */
  delaySeconds: number | null;
}

/** Whether the mail left by the configured server. */
export type ViaRelay =
  /** A hop shows it. */
  | "yes"
  /** A hop shows another server in its place. */
  | "no"
  /** The hops do not tell, or no server was given. */
  | "unknown";

/** The receiver's results, in the terms of RFC 8601: `pass`, `fail`, `none` and so on; null where it says nothing. */
export interface Authentication {
  /** SPF (RFC 7208). */
  spf: string | null;
  /** DKIM (RFC 6376); of several signatures the best. */
  dkim: string | null;
  /** DMARC (RFC 7489). */
  dmarc: string | null;
  /** The name under which the receiver speaks (authserv-id), or null. */
  by: string | null;
}

/** Something to say of the mail. */
export interface InspectFinding {
  /** A stable code, `inspect.…`. */
  code: string;
  /** How much it matters. */
  severity: FindingSeverity;
  /** The values in the message. */
  params: Record<string, string>;
  /** For a person, in the asked locale. */
  message: string;
  /** What to do, in the asked locale. */
  remedy: string;
}

/** How much a finding matters. */
export type FindingSeverity =
  /** The mail is not what it should be, or is likely to be refused. */
  | "error"
  /** It may be as it should be. */
  | "warning";

/** What the rules say of settings, and how they would be stored. */
export interface SettingsReport {
  /** False as soon as one issue is an error. */
  valid: boolean;
  /** All issues, in the order of the fields. */
  issues: Issue[];
  /** The settings as they would be stored, without their secrets; null when they are not valid. */
  settings: StoredSettings | null;
}

/** Settings as they are stored, without their secrets. Every member is there, null where it has no value. Only the type: [`public`](crate::settings::public) writes it, and a test compares the two. */
export interface StoredSettings {
  /** The server's name in A-labels, or its IP address. */
  host: string;
  /** The port. */
  port: number;
  /** How the connection is encrypted. */
  security: Security;
  /** How the session authenticates. */
  authMethod: AuthMethod;
  /** The account. */
  username: string | null;
  /** Whether a password is stored. */
  password: StoredSecret | null;
  /** Where and with what access tokens are fetched. */
  oauth2: StoredOAuth2 | null;
  /** MAIL FROM and From: of every mail, its domain in A-labels. */
  senderAddress: string;
  /** Display name in From:. */
  senderName: string | null;
  /** The address that recipients answer to. */
  replyTo: string | null;
  /** The name for EHLO; null is the operator's. */
  ehloName: string | null;
  /** Private CA of the relay, PEM. */
  caPem: string | null;
  /** The rules of all four categories. */
  routing: StoredRouting;
  /** The addresses that hear of a broken relay; null: those who saved last. */
  contacts: string[] | null;
}

/** A secret that is never shown. */
export interface StoredSecret {
  /** Whether one is stored; always true. */
  isSet: boolean;
}

/** Where and with what access tokens are fetched. */
export interface StoredOAuth2 {
  /** How the access token is requested. */
  grant: Grant;
  /** The operator's provider that the mailbox is connected with; then the client is the operator's. */
  provider: string | null;
  /** The https token endpoint. */
  tokenUrl: string | null;
  /** The client registered with the provider. */
  clientId: string | null;
  /** Whether its secret is stored. */
  clientSecret: StoredSecret | null;
  /** The day on which its secret ends, as `2027-01-31`. */
  clientSecretExpires: string | null;
  /** Whether a refresh token is stored. */
  refreshToken: StoredSecret | null;
  /** The scope. */
  scope: string | null;
}

/** The rules of all four categories. */
export interface StoredRouting {
  /** Real-time notifications. */
  notification: StoredRoute;
  /** Exchanges about a data-subject rights request. */
  "rights-request": StoredRoute;
  /** The invitation of a respondent to an audit. */
  "audit-invitation": StoredRoute;
  /** The invitation of a new user. */
  "user-invitation": StoredRoute;
}

/** The rule for one category. */
export interface StoredRoute {
  /** The server that carries the category. */
  via: Via;
  /** What happens while the relay fails. */
  onFailure: OnFailure;
}

/** An event as the product sends it. */
export interface Event {
  /** The idempotency key, unique per tenant: 1 to 128 printable ASCII characters without spaces. */
  id: string;
  /** The tenant: 1 to 64 letters, digits, hyphens, underscores or dots. */
  tenant: string;
  /** Which of the four kinds; chooses the route. */
  category: Category;
  /** The event's type, such as `comment.created`; chooses the template. */
  type: string;
  /** One mail for each. */
  recipients: EventRecipient[];
  /** A time (RFC 3339): what has not left by then is `failed`, too late. */
  notAfter?: string | null;
  /** The mailbox that recipients answer to. */
  replyTo?: EventPerson | null;
  /** Mails of the same thread are chained by References. */
  thread?: string | null;
  /** What the template may say. */
  data?: Record<string, unknown> | null;
  /** Ready content instead of a template. */
  content?: EventContent | null;
  /** Files that go along. */
  attachments?: EventAttachment[] | null;
  /** How the recipient stops such mails (RFC 8058); used for the category `notification`. */
  unsubscribe?: EventUnsubscribe | null;
  /** The product's name and look in this mail, over `OWNPOST_PRODUCT`. */
  brand?: Brand | null;
}

/** The kind of a notification. */
export type Category =
  /** Real-time notifications: new comments, tasks. */
  | "notification"
  /** Exchanges about a data-subject rights request. */
  | "rights-request"
  /** The invitation of a respondent to an audit. */
  | "audit-invitation"
  /** The invitation of a new user. */
  | "user-invitation";

/** Who receives a mail. */
export interface EventRecipient {
  /** The mailbox address. */
  address: string;
  /** The display name. */
  name?: string | null;
  /** BCP 47 tag of the language to write in. */
  locale?: string | null;
}

/** An address with a name. */
export interface EventPerson {
  /** The mailbox address. */
  address: string;
  /** The display name. */
  name?: string | null;
}

/** Content that bypasses the templates. */
export interface EventContent {
  /** The subject, one line. */
  subject: string;
  /** The plain text; without one it is made from `html`. */
  text?: string | null;
  /** The HTML alternative. Scripts, forms, frames and redirects are taken out. */
  html?: string | null;
}

/** A file that goes along. */
export interface EventAttachment {
  /** The file's name. */
  filename: string;
  /** Its MIME type; not `multipart`. */
  contentType: string;
  /** The file's bytes in base64. */
  base64: string;
}

/** How the recipient stops such mails by one click (RFC 8058). */
export interface EventUnsubscribe {
  /** The https address that takes a POST from the recipient's mail provider, without a login. */
  url: string;
}

/** How mails name and brand the product, and where an alert links to. Every member is optional. */
export interface Brand {
  /** The product's name. */
  name?: string | null;
  /** The product's home page. */
  url?: string | null;
  /** The page with the settings of the mail server; alerts and test mails link to it. */
  settingsUrl?: string | null;
  /** The logo, https, shown at most 40 pixels high. */
  logoUrl?: string | null;
  /** The colour of buttons, `#rrggbb`. */
  accentColor?: string | null;
  /** Where the recipient gets help: a page or a `mailto:` address. */
  supportUrl?: string | null;
  /** The postal address at the foot. */
  postalAddress?: string | null;
  /** More text at the foot. */
  footer?: string | null;
}

/** Whether the router accepts an event, and why not. */
export interface EventReport {
  /** Whether the router accepts it. False as soon as one issue is an error. */
  valid: boolean;
  /** All issues; of a wrong shape the first alone. */
  issues: EventIssue[];
  /** The event as the router reads it: domains in lower case and A-labels, no empty names. A recipient whose address cannot be used is left as it came, because the router records it as failed. Null when the event is not accepted. */
  event?: Event | null;
}

/** One problem of an event. */
export interface EventIssue {
  /** Where in the document: `recipients[0].address`; empty for the whole. */
  field: string;
  /** The stable code. */
  code: EventCode;
  /** A warning concerns a recipient whose address cannot be used; the others get their mail. */
  severity: Severity;
  /** The problem, for the developer of the event source. */
  message: string;
}

/** Why an event is not accepted. */
export type EventCode =
  /** Larger than 1 MiB; with `ownpost send`, than 25 MiB. */
  | "event.too_large"
  /** No JSON. */
  | "event.not_json"
  /** A wrong type, a missing member or an unknown one. */
  | "event.wrong_shape"
  /** `id` is not 1 to 128 printable ASCII characters without spaces. */
  | "event.id_invalid"
  /** `tenant` is not 1 to 64 letters, digits, hyphens, underscores or dots that begin with a letter or digit. */
  | "event.tenant_invalid"
  /** `category` is none of the four. */
  | "event.category_unknown"
  /** `type` is not 1 to 64 of `A-Z a-z 0-9 . _ -` that begin with a letter or digit, or it begins with `ownpost.`, which is reserved. */
  | "event.type_invalid"
  /** No recipient. */
  | "event.recipients_empty"
  /** More than 1000 recipients; send more events. */
  | "event.recipients_too_many"
  /** No mailbox address, or one of more than 254 octets. A recipient's is refused alone; only when none can be used, the event is. */
  | "event.address_invalid"
  /** `notAfter` is no time such as 2026-12-01T12:00:00Z. */
  | "event.time_invalid"
  /** A line break or another control character in a one-line member, or NUL anywhere. */
  | "event.control_character"
  /** A text that is too long, or empty where it must not be. */
  | "event.length_invalid"
  /** More than 50 attachments. */
  | "event.attachments_too_many"
  /** No MIME type of a file. */
  | "event.content_type_invalid"
  /** The bytes of an attachment are no base64. */
  | "event.base64_invalid"
  /** `content` has neither `text` nor `html`. */
  | "event.content_empty"
  /** `unsubscribe.url` is no https address. */
  | "event.unsubscribe_invalid"
  /** A member of `brand` that a mail cannot carry. */
  | "event.brand_invalid"
  /** The event is of another tenant than the caller's. */
  | "event.tenant_foreign"
  /** The id was used for an event with another content; nothing of this one is kept. */
  | "event.id_reused"
  /** The store or the queue is out of reach; send the same event again. */
  | "event.unavailable";

/** An event that Ownpost emits, as a rule of the bus hands it over; EventBridge adds members of its own. */
export type EmittedEvent =
  /** A row becomes `failed`. */
  | {
    source: "ownpost";
    "detail-type": "Delivery Failed";
    detail: DeliveryFailed;
  }
  /** A relay begins to fail; once for each outage. */
  | {
    source: "ownpost";
    "detail-type": "Relay Unhealthy";
    detail: RelayChanged;
  }
  /** A relay works again; `code` and `message` are null. */
  | {
    source: "ownpost";
    "detail-type": "Relay Recovered";
    detail: RelayChanged;
  }
  /** `PUT /smtp` or a rollback succeeded. */
  | {
    source: "ownpost";
    "detail-type": "Settings Activated";
    detail: SettingsChanged;
  }
  /** A rollback succeeded; beside `Settings Activated`. */
  | {
    source: "ownpost";
    "detail-type": "Settings Rolled Back";
    detail: SettingsChanged;
  }
  /** `DELETE /smtp` succeeded. */
  | {
    source: "ownpost";
    "detail-type": "Settings Removed";
    detail: SettingsRemoved;
  }
  /** Removed settings were kept for `OWNPOST_RETAIN_DAYS`; for Ownpost itself, which then erases them. */
  | {
    source: "ownpost";
    "detail-type": "Settings Expired";
    detail: SettingsExpired;
  }
  /** Settings that should be there, or the keys that sign mails, cannot be read; once an hour at most. */
  | {
    source: "ownpost";
    "detail-type": "Secret Unreadable";
    detail: SecretUnreadable;
  }
  /** 30, 7 and 1 days before a client secret or a grant of OAuth 2 ends. */
  | {
    source: "ownpost";
    "detail-type": "Credential Expiring";
    detail: CredentialExpiring;
  }
  /** 30, 7 and 1 days before a relay's certificate ends. */
  | {
    source: "ownpost";
    "detail-type": "Certificate Expiring";
    detail: CertificateExpiring;
  };

/** A mail that failed. */
export interface DeliveryFailed {
  /** The tenant of the mail. */
  tenant: string;
  /** The row of the mail. */
  delivery: Delivery;
}

/** A row of the ledger as the API shows it. */
export interface Delivery {
  /** Computed from tenant, event id and recipient: the same for a repeated event. */
  id: DeliveryId;
  /** The id of the event that triggered it. */
  event: string;
  /** The event's category. */
  category: Category;
  /** The event's `type`. */
  type: string;
  /** The recipient's address, its domain in A-labels. */
  recipient: string;
  /** The state of the mail. */
  status: Status;
  /** The server chosen; null while none was: `queued`, or `held` without an attempt. */
  route: Via | null;
  /** Why it has this status and takes this route; in English. */
  reason: string;
  /** The revision of the settings used, when it went through the tenant's relay. */
  revision: Revision | null;
  /** The Message-ID without angle brackets. */
  messageId: string;
  /** When the event was accepted. */
  queuedAt: string;
  /** When the row changed last. */
  updatedAt: string;
  /** When it is tried again; only while deferred. */
  nextAttemptAt: string | null;
  /** What was tried, oldest first. */
  attempts: Attempt[];
}

/** A row's id: a pure function of tenant, event and recipient, so that the same event leads to the same rows. Its first half is that of all rows of the event, so that a store finds them together without an index. */
export type DeliveryId = string;

/** Where a mail stands (docs/reference/events.md). */
export type Status =
  /** Recorded and put on the queue. */
  | "queued"
  /** A sender is sending it; written before the final dot is sent. */
  | "sending"
  /** Accepted by the server. Final. */
  | "sent"
  /** Will be tried again at `nextAttemptAt`. */
  | "deferred"
  /** The relay is broken and the policy says to wait. */
  | "held"
  /** Refused for good. Final until a person resends it. */
  | "failed"
  /** No reply came after the final dot: the server may have the mail. Final until a person resends it. */
  | "unknown";

/** A version of a tenant's settings: the Secrets Manager version id. */
export type Revision = string;

/** One try to hand a mail to a server. */
export interface Attempt {
  /** When the attempt began. */
  at: string;
  /** How long it took, in milliseconds. */
  ms: number;
  /** The stage it reached. */
  stage: Stage;
  /** `accepted`, or the failure code. */
  outcome: string;
  /** The server's reply, when it gave one. */
  smtp: Reply | null;
}

/** A relay whose health has changed. */
export interface RelayChanged {
  /** The tenant of the relay; `-platform` for the platform's own server. */
  tenant: string;
  /** The host of the relay. */
  host: string;
  /** The revision of its settings. */
  revision: Revision;
  /** Since when it is so. */
  since: string;
  /** The last failure's code; null when it has recovered. */
  code: string | null;
  /** The last failure in words; null when it has recovered. */
  message: string | null;
}

/** Settings that were activated. */
export interface SettingsChanged {
  /** The tenant of the settings. */
  tenant: string;
  /** The revision that is active now. */
  revision: Revision;
  /** Its host; null when a rollback went back to the platform's server. */
  host: string | null;
  /** Who did it. */
  by: By;
}

/** The person who changed the settings, by the claims of the token. */
export interface By {
  /** The claim `sub`: the person's id at the identity provider. */
  sub?: string | null;
  /** The claim `email`, unless the identity provider says that it is not verified. */
  email?: string | null;
  /** The claim `sid`: the session. */
  sid?: string | null;
  /** The claim `jti`, the token's own id, where there is no `sid`. */
  jti?: string | null;
}

/** Settings that were removed. */
export interface SettingsRemoved {
  /** The tenant of the settings. */
  tenant: string;
  /** The revision that says so; null when none were active and what was stored is erased. */
  revision: Revision | null;
  /** Whether all stored revisions were erased. */
  forgotten: boolean;
  /** Who did it. */
  by: By;
}

/** Removed settings whose time is over. */
export interface SettingsExpired {
  /** The tenant of the settings. */
  tenant: string;
}

/** A secret that should be there and cannot be read. */
export interface SecretUnreadable {
  /** The tenant of the settings; null for the platform's and for the keys. */
  tenant: string | null;
  /** Which secret it is. */
  secret: UnreadableSecret;
}

/** A secret that cannot be read. */
export type UnreadableSecret =
  /** The settings of the tenant or the platform. */
  | "settings"
  /** The operator's DKIM keys. */
  | "dkim";

/** A credential of OAuth 2 that ends soon. */
export interface CredentialExpiring {
  /** The tenant of the relay; `-platform` for the platform's own server, null for the operator's application at a provider. */
  tenant: string | null;
  /** The host of the relay; null for the operator's application. */
  host: string | null;
  /** The operator's provider that the mailbox is connected with, or whose application it is; null for an application of the tenant's own. */
  provider: string | null;
  /** Which credential it is. */
  credential: Credential;
  /** When it ends. */
  notAfter: string;
  /** 30, 7 or 1. */
  days: number;
}

/** A credential that ends. */
export type Credential =
  /** The client secret of an application, by `clientSecretExpires`. */
  | "clientSecret"
  /** The grant of a mailbox, as the token endpoint says. */
  | "grant";

/** A certificate that ends soon. */
export interface CertificateExpiring {
  /** The tenant of the relay; `-platform` for the platform's own server. */
  tenant: string;
  /** The host of the relay. */
  host: string;
  /** When the certificate ends. */
  notAfter: string;
  /** 30, 7 or 1. */
  days: number;
  /** The SHA-256 of the certificate, in hexadecimal. */
  sha256: string;
}

/** `GET /deliveries`, and what `ownpost send` prints. */
export interface Deliveries {
  /** The rows, newest first. */
  deliveries: Delivery[];
  /** The parameter `cursor` for the next page; null on the last page. */
  cursor: string | null;
}

/** `GET /deliveries/{id}`: the row, and what happened as a story. */
export interface DeliveryDetail {
  /** Computed from tenant, event id and recipient: the same for a repeated event. */
  id: DeliveryId;
  /** The id of the event that triggered it. */
  event: string;
  /** The event's category. */
  category: Category;
  /** The event's `type`. */
  type: string;
  /** The recipient's address, its domain in A-labels. */
  recipient: string;
  /** The state of the mail. */
  status: Status;
  /** The server chosen; null while none was: `queued`, or `held` without an attempt. */
  route: Via | null;
  /** Why it has this status and takes this route; in English. */
  reason: string;
  /** The revision of the settings used, when it went through the tenant's relay. */
  revision: Revision | null;
  /** The Message-ID without angle brackets. */
  messageId: string;
  /** When the event was accepted. */
  queuedAt: string;
  /** When the row changed last. */
  updatedAt: string;
  /** When it is tried again; only while deferred. */
  nextAttemptAt: string | null;
  /** What was tried, oldest first. */
  attempts: Attempt[];
  /** What happened, in order, in sentences. */
  story: Chapter[];
}

/** One thing that happened. */
export interface Chapter {
  /** The time of it. */
  at: string;
  /** One sentence or more, in English. */
  text: string;
}

/** The languages that all messages are in. */
export type Locale = "en" | "fr" | "nl" | "de" | "es";
