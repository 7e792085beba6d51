//! Every code an issue can carry, with its severity and meaning. The locales are checked against this list.

use crate::packed::Key;

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The settings cannot be used.
    Error,
    /// They can, but should be looked at.
    Warning,
}

impl Severity {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! params {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What a message can be filled with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Param { $($(#[$doc])* $variant,)+ }
        impl Param {
            /// All, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The names in JSON, in the order of their numbers.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];
            /// The name in JSON.
            pub fn name(self) -> &'static str { Self::NAMES.get(self as usize).copied().unwrap_or_default() }
        }
    };
}

params! {
    /// What the value should probably be.
    Suggestion = "suggestion",
    /// A key of the document that nobody knows.
    Key = "key",
    /// A port.
    Port = "port",
    /// The ports that are allowed, separated by commas.
    Allowed = "allowed",
    /// A limit.
    Max = "max",
    /// A label of a domain name.
    Label = "label",
    /// An IP address or a host name.
    Address = "address",
    /// A mail provider's name.
    Provider = "provider",
    /// A domain.
    Domain = "domain",
}

/// Who can find an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Browser and server alike.
    Both,
    /// The server alone: it takes its clock, its store or its Unicode tables.
    Server,
}

macro_rules! codes {
    ($($variant:ident = $code:literal $severity:ident $scope:ident [$($param:ident),*] $meaning:literal,)+) => {
        /// The stable codes of docs/reference/settings.md.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Code { $(#[doc = $meaning] $variant,)+ }
        impl Code {
            /// All, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The stable codes, in the order of their numbers.
            pub const NAMES: &'static [&'static str] = &[$($code,)+];
            const SEVERITIES: &'static [Severity] = &[$(Severity::$severity,)+];
            /// The stable code.
            pub fn name(self) -> &'static str { Self::NAMES.get(self as usize).copied().unwrap_or_default() }
            /// The field that it is named after; none for codes about the document.
            pub fn field(self) -> Option<Key> { Key::find(self.name().split('.').next()?) }
            /// How bad it is.
            pub fn severity(self) -> Severity {
                Self::SEVERITIES.get(self as usize).copied().unwrap_or(Severity::Error)
            }
            /// What it means, for developers.
            pub fn meaning(self) -> &'static str { match self { $(Self::$variant => $meaning,)+ } }
            /// Who can find it.
            pub fn scope(self) -> Scope { match self { $(Self::$variant => Scope::$scope,)+ } }
            /// What its message may be filled with.
            pub fn params(self) -> &'static [Param] { match self { $(Self::$variant => &[$(Param::$param),*],)+ } }
        }
    };
}

codes! {
    SettingsNotJson = "settings.not_json" Error Server [] "The document is no JSON text.",
    SettingsNotAnObject = "settings.not_an_object" Error Both [] "The document is no JSON object.",
    SettingsTooLarge = "settings.too_large" Error Both [] "The document is larger than 1 MiB.",
    SettingsTooDeep = "settings.too_deep" Error Both [] "The document is nested deeper than 32 levels.",

    HostRequired = "host.required" Error Both [] "No host.",
    HostWrongType = "host.wrong_type" Error Both [] "The host is no string.",
    HostWhitespace = "host.whitespace" Error Both [Suggestion] "White space around the host.",
    HostControlCharacters = "host.control_characters" Error Both [] "A control character in the host.",
    HostInvisibleCharacters = "host.invisible_characters" Error Both [Suggestion] "A character in the host that nobody sees.",
    HostTypographicHyphen = "host.typographic_hyphen" Error Both [Suggestion] "A hyphen or dash of typesetting (U+2010 to U+2015, U+2212) in the host.",
    HostUrl = "host.url" Error Both [Suggestion] "A URL in place of a host.",
    HostEmail = "host.email" Error Both [Suggestion] "An e-mail address in place of a host.",
    HostBrackets = "host.brackets" Error Both [Suggestion] "Brackets around an IP address.",
    HostHasPort = "host.has_port" Error Both [Suggestion] "The port stands behind the host.",
    HostTrailingDot = "host.trailing_dot" Warning Both [Suggestion] "A dot at the end of the host.",
    HostTooLong = "host.too_long" Error Both [Max] "The host is longer than 253 octets as A-labels.",
    HostLabelTooLong = "host.label_too_long" Error Both [Max] "A label of the host is longer than 63 octets.",
    HostEmptyLabel = "host.empty_label" Error Both [] "Two dots in a row, or a dot at the start.",
    HostUnderscore = "host.underscore" Error Both [] "An underscore in the host.",
    HostHyphen = "host.hyphen" Error Both [Label] "A label of the host starts or ends with a hyphen.",
    HostInvalid = "host.invalid" Error Both [] "A character that no host name has.",
    HostIdnInvalid = "host.idn_invalid" Error Both [] "Not a name by UTS 46.",
    HostIdnRefused = "host.idn_refused" Error Server [] "Not a name by the strict form of UTS 46 (hyphens, punycode).",
    HostInvalidAddress = "host.invalid_address" Error Both [] "A mis-spelt IP address; the fix is there where only one address can be meant.",
    HostForbiddenAddress = "host.forbidden_address" Error Both [Address] "An address that is not public, or a name for one.",
    HostSingleLabel = "host.single_label" Warning Both [] "A name without a domain.",
    HostMixedScript = "host.mixed_script" Warning Both [Label] "A label that mixes scripts.",
    HostNotPublic = "host.not_public" Warning Both [] "A name that public DNS does not have, such as one below .local, an example's or a placeholder.",
    HostBareDomain = "host.bare_domain" Warning Both [Suggestion] "The domain of a known provider in place of its SMTP server.",
    HostOtherService = "host.other_service" Warning Both [Suggestion] "The IMAP, POP, MX, web or API server of a known provider.",
    HostTypo = "host.typo" Warning Both [Suggestion] "Close to the SMTP server of a known provider.",

    PortWrongType = "port.wrong_type" Error Both [] "The port is no number.",
    PortInvalid = "port.invalid" Error Both [] "The port is no whole number between 1 and 65535.",
    PortNotAllowed = "port.not_allowed" Error Both [Port, Allowed] "A port that the operator does not allow.",
    PortOftenBlocked = "port.often_blocked" Warning Both [Suggestion] "Port 25, which many networks block.",

    SecurityWrongType = "security.wrong_type" Error Both [] "The TLS mode is no string.",
    SecurityInvalid = "security.invalid" Error Both [Suggestion] "Neither starttls nor tls.",
    SecurityPortMismatch = "security.port_mismatch" Warning Both [Port, Suggestion] "The port does not go with the TLS mode.",

    AuthMethodWrongType = "authMethod.wrong_type" Error Both [] "The authentication method is no string.",
    AuthMethodInvalid = "authMethod.invalid" Error Both [] "None of password, oauth2, none.",
    AuthMethodPasswordEnding = "authMethod.password_ending" Warning Both [Provider] "A provider that retires passwords.",

    UsernameRequired = "username.required" Error Both [] "No username.",
    UsernameWrongType = "username.wrong_type" Error Both [] "The username is no string.",
    UsernameControlCharacters = "username.control_characters" Error Both [] "A control character in the username.",
    UsernameTooLong = "username.too_long" Error Both [Max] "The username is longer than 255 octets.",
    UsernameWhitespace = "username.whitespace" Warning Both [] "White space around the username.",
    UsernameInvisibleCharacters = "username.invisible_characters" Warning Both [] "An invisible character in the username.",
    UsernameReplacementCharacter = "username.replacement_character" Warning Both [] "U+FFFD in the username: bytes that were not UTF-8.",
    UsernameUnused = "username.unused" Warning Both [] "A username with authMethod none.",

    PasswordRequired = "password.required" Error Both [] "No password.",
    PasswordWrongType = "password.wrong_type" Error Both [] "Neither {\"set\": text} nor {\"keep\": true}.",
    PasswordUnknownKey = "password.unknown_key" Error Both [Key] "An unknown key in the password object.",
    PasswordIsSet = "password.is_set" Error Both [] "What the API shows was sent back; keep is meant.",
    PasswordAmbiguous = "password.ambiguous" Error Both [] "Both set and keep.",
    PasswordLineBreak = "password.line_break" Error Both [] "CR, LF or NUL in the password.",
    PasswordTooLong = "password.too_long" Error Both [Max] "The password is longer than 4096 octets.",
    PasswordLooksMasked = "password.looks_masked" Error Both [] "Only mask characters.",
    PasswordControlCharacters = "password.control_characters" Warning Both [] "A control character in the password.",
    PasswordWhitespace = "password.whitespace" Warning Both [] "White space around the password.",
    PasswordInvisibleCharacters = "password.invisible_characters" Warning Both [] "A character in the password that nobody sees.",
    PasswordReplacementCharacter = "password.replacement_character" Warning Both [] "U+FFFD in the password: bytes that were no UTF-8.",
    PasswordAppPasswordSpaces = "password.app_password_spaces" Warning Both [Provider] "An application password with the spaces it is shown with.",
    PasswordAppPassword = "password.app_password" Warning Both [Provider] "The provider accepts only application passwords.",
    PasswordUnused = "password.unused" Warning Both [] "A password with another authMethod.",
    PasswordReentryRequired = "password.reentry_required" Error Server [] "Nothing is stored, or for another destination.",

    OAuth2Required = "oauth2.required" Error Both [] "A part of oauth2 that this grant needs is missing.",
    OAuth2WrongType = "oauth2.wrong_type" Error Both [] "Not of the kind of value it has to be.",
    OAuth2UnknownKey = "oauth2.unknown_key" Error Both [Key] "An unknown key in oauth2.",
    OAuth2GrantInvalid = "oauth2.grant_invalid" Error Both [] "Neither client_credentials nor refresh_token.",
    OAuth2GrantUnsupported = "oauth2.grant_unsupported" Warning Both [Provider] "client_credentials at a provider that has it not for mailboxes.",
    OAuth2ProviderUnknown = "oauth2.provider_unknown" Error Server [] "A provider that the operator has not set up.",
    OAuth2TokenUrlInvalid = "oauth2.token_url_invalid" Error Both [] "No absolute https URL.",
    OAuth2TokenUrlNotHttps = "oauth2.token_url_not_https" Error Both [] "An http URL.",
    OAuth2TenantNeeded = "oauth2.tenant_needed" Warning Both [Label] "Microsoft's endpoint without a tenant: with client_credentials that of all tenants, or a placeholder.",
    OAuth2ScopeUnsupported = "oauth2.scope_unsupported" Warning Both [Suggestion] "client_credentials at Microsoft with a scope of users or of another service.",
    OAuth2NotTokenEndpoint = "oauth2.not_token_endpoint" Warning Both [Suggestion] "The address where people sign in, in place of the one for tokens.",
    OAuth2DateInvalid = "oauth2.date_invalid" Error Both [] "No day as in 2027-01-31.",
    OAuth2ForbiddenAddress = "oauth2.forbidden_address" Error Both [Address] "The token URL leads to an address that is not public.",
    OAuth2IdnRefused = "oauth2.idn_refused" Error Server [] "The token URL's host is not a name by the strict form of UTS 46.",
    OAuth2ControlCharacters = "oauth2.control_characters" Error Both [] "A control character.",
    OAuth2TooLong = "oauth2.too_long" Error Both [Max] "Too long.",
    OAuth2LooksMasked = "oauth2.looks_masked" Error Both [] "A secret of mask characters alone.",
    OAuth2Ambiguous = "oauth2.ambiguous" Error Both [] "Both set and keep.",
    OAuth2IsSet = "oauth2.is_set" Error Both [] "What the API shows was sent back; keep is meant.",
    OAuth2Whitespace = "oauth2.whitespace" Warning Both [] "White space around it.",
    OAuth2InvisibleCharacters = "oauth2.invisible_characters" Warning Both [] "A character that nobody sees.",
    OAuth2ReplacementCharacter = "oauth2.replacement_character" Warning Both [] "U+FFFD: bytes that were no UTF-8.",
    OAuth2ReentryRequired = "oauth2.reentry_required" Error Server [] "Nothing is stored, or for another destination.",
    OAuth2GrantedUsed = "oauth2.granted_used" Error Server [] "What a connection has brought was used already.",
    OAuth2GrantedExpired = "oauth2.granted_expired" Error Server [] "What a connection has brought was not used within an hour.",
    OAuth2GrantedForeign = "oauth2.granted_foreign" Error Server [] "No connection of this tenant, admin and provider has brought it.",
    OAuth2Unused = "oauth2.unused" Warning Both [] "Not used by this authMethod or grant.",

    SenderAddressRequired = "senderAddress.required" Error Both [] "No sender address.",
    SenderAddressWrongType = "senderAddress.wrong_type" Error Both [] "The sender address is no string.",
    SenderAddressWhitespace = "senderAddress.whitespace" Error Both [Suggestion] "White space around the address.",
    SenderAddressControlCharacters = "senderAddress.control_characters" Error Both [] "A control character in the address.",
    SenderAddressInvisibleCharacters = "senderAddress.invisible_characters" Error Both [Suggestion] "A character in the address that nobody sees.",
    SenderAddressTypographicHyphen = "senderAddress.typographic_hyphen" Error Both [Suggestion] "A hyphen or dash of typesetting (U+2010 to U+2015, U+2212) in the domain.",
    SenderAddressDisplayName = "senderAddress.display_name" Error Both [Suggestion] "A name stands before the address.",
    SenderAddressInvalid = "senderAddress.invalid" Error Both [] "Not usable as MAIL FROM and From: no dot-atom or quoted local part, or no domain of two labels.",
    SenderAddressTooLong = "senderAddress.too_long" Error Both [Max] "A local part longer than 64 octets, or an address longer than 254.",
    SenderAddressIdnRefused = "senderAddress.idn_refused" Error Server [] "The domain is not a name by the strict form of UTS 46.",
    SenderAddressMixedScript = "senderAddress.mixed_script" Warning Both [Label] "A label that mixes scripts.",
    SenderAddressNonAsciiLocal = "senderAddress.non_ascii_local" Warning Both [] "A local part that needs SMTPUTF8.",
    SenderAddressTypo = "senderAddress.typo" Warning Both [Suggestion] "Close to a well-known mail domain.",
    SenderAddressNotPublic = "senderAddress.not_public" Warning Both [] "A domain that public DNS does not have, such as one below .local, or a placeholder.",
    SenderAddressFreeMail = "senderAddress.free_mail" Warning Both [Domain] "A free-mail sender through another provider's server.",
    SenderAddressProviderMismatch = "senderAddress.provider_mismatch" Warning Both [Provider] "A sender that the provider's server will not take.",

    SenderNameWrongType = "senderName.wrong_type" Error Both [] "The sender's name is no string.",
    SenderNameControlCharacters = "senderName.control_characters" Error Both [] "A control character in the name.",
    SenderNameTooLong = "senderName.too_long" Error Both [Max] "The name is longer than 256 characters.",
    SenderNameWhitespace = "senderName.whitespace" Warning Both [] "White space around the name.",
    SenderNameInvisibleCharacters = "senderName.invisible_characters" Error Both [] "A character in the name that nobody sees, or that turns its direction around.",
    SenderNameReplacementCharacter = "senderName.replacement_character" Warning Both [] "U+FFFD in the name: bytes that were no UTF-8.",

    ReplyToWrongType = "replyTo.wrong_type" Error Both [] "The reply address is no string.",
    ReplyToWhitespace = "replyTo.whitespace" Error Both [Suggestion] "White space around the address.",
    ReplyToControlCharacters = "replyTo.control_characters" Error Both [] "A control character in the address.",
    ReplyToInvisibleCharacters = "replyTo.invisible_characters" Error Both [Suggestion] "A character in the address that nobody sees.",
    ReplyToTypographicHyphen = "replyTo.typographic_hyphen" Error Both [Suggestion] "A hyphen or dash of typesetting (U+2010 to U+2015, U+2212) in the domain.",
    ReplyToDisplayName = "replyTo.display_name" Error Both [Suggestion] "A name stands before the address.",
    ReplyToInvalid = "replyTo.invalid" Error Both [] "Not usable as Reply-To: no dot-atom or quoted local part, or no domain of two labels.",
    ReplyToTooLong = "replyTo.too_long" Error Both [Max] "A local part longer than 64 octets, or an address longer than 254.",
    ReplyToIdnRefused = "replyTo.idn_refused" Error Server [] "The domain is not a name by the strict form of UTS 46.",
    ReplyToMixedScript = "replyTo.mixed_script" Warning Both [Label] "A label that mixes scripts.",
    ReplyToNonAsciiLocal = "replyTo.non_ascii_local" Warning Both [] "A local part that needs SMTPUTF8.",
    ReplyToTypo = "replyTo.typo" Warning Both [Suggestion] "Close to a well-known mail domain.",
    ReplyToNotPublic = "replyTo.not_public" Warning Both [] "A domain that public DNS does not have, such as one below .local, or a placeholder.",

    EhloNameWrongType = "ehloName.wrong_type" Error Both [] "The EHLO name is no string.",
    EhloNameWhitespace = "ehloName.whitespace" Error Both [Suggestion] "White space around the EHLO name.",
    EhloNameControlCharacters = "ehloName.control_characters" Error Both [] "A control character in the EHLO name.",
    EhloNameInvalid = "ehloName.invalid" Error Both [] "No fully qualified domain name.",
    EhloNameNotPublic = "ehloName.not_public" Warning Both [] "A name that public DNS does not have, such as one below .local, or a placeholder.",

    CaPemWrongType = "caPem.wrong_type" Error Both [] "The certificates are no string.",
    CaPemTooLong = "caPem.too_long" Error Both [Max] "The certificates are larger than 32 KiB.",
    CaPemControlCharacters = "caPem.control_characters" Error Both [] "A control character other than line ends and tabs.",
    CaPemPrivateKey = "caPem.private_key" Error Both [] "A private key.",
    CaPemNoCertificate = "caPem.no_certificate" Error Both [] "No CERTIFICATE block.",
    CaPemInvalid = "caPem.invalid" Error Both [] "A block that is no certificate.",
    CaPemExpired = "caPem.expired" Error Server [] "A certificate that has expired.",
    CaPemNotYetValid = "caPem.not_yet_valid" Error Server [] "A certificate that is not valid yet.",
    CaPemNotACa = "caPem.not_a_ca" Error Server [] "A certificate that vouches for no other and names no server.",

    RoutingWrongType = "routing.wrong_type" Error Both [] "Not of the kind of value it has to be.",
    RoutingViaInvalid = "routing.via_invalid" Error Both [] "Neither relay nor platform.",
    RoutingOnFailureInvalid = "routing.on_failure_invalid" Error Both [] "Neither hold nor platform.",
    RoutingUnknownKey = "routing.unknown_key" Error Both [Key] "An unknown key in a category.",
    RoutingUnknownCategory = "routing.unknown_category" Error Both [Key] "A category that nobody knows.",

    ContactsWrongType = "contacts.wrong_type" Error Both [] "No list of strings.",
    ContactsTooMany = "contacts.too_many" Error Both [Max] "More than five addresses.",
    ContactsWhitespace = "contacts.whitespace" Error Both [Suggestion] "White space around an address.",
    ContactsControlCharacters = "contacts.control_characters" Error Both [] "A control character in an address.",
    ContactsInvisibleCharacters = "contacts.invisible_characters" Error Both [Suggestion] "A character in an address that nobody sees.",
    ContactsTypographicHyphen = "contacts.typographic_hyphen" Error Both [Suggestion] "A hyphen or dash of typesetting (U+2010 to U+2015, U+2212) in a domain.",
    ContactsDisplayName = "contacts.display_name" Error Both [Suggestion] "A name stands before an address.",
    ContactsInvalid = "contacts.invalid" Error Both [] "Not usable as an address: no dot-atom or quoted local part, or no domain of two labels.",
    ContactsTooLong = "contacts.too_long" Error Both [Max] "A local part longer than 64 octets, or an address longer than 254.",
    ContactsIdnRefused = "contacts.idn_refused" Error Server [] "A domain is not a name by the strict form of UTS 46.",
    ContactsMixedScript = "contacts.mixed_script" Warning Both [Label] "A label that mixes scripts.",
    ContactsNonAsciiLocal = "contacts.non_ascii_local" Warning Both [] "A local part that needs SMTPUTF8.",
    ContactsTypo = "contacts.typo" Warning Both [Suggestion] "Close to a well-known mail domain.",
    ContactsNotPublic = "contacts.not_public" Warning Both [] "A domain that public DNS does not have, such as one below .local, or a placeholder.",
    ContactsDuplicate = "contacts.duplicate" Warning Both [Address] "An address that stands twice.",

    SettingsUnknownKey = "settings.unknown_key" Error Both [Key] "An unknown key.",
}
