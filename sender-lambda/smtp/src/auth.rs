//! SASL over SMTP (RFC 4954): PLAIN, LOGIN, XOAUTH2 and OAUTHBEARER. The signature takes an encrypted and verified
//! session only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ownpost_domain::failure::{Cause, Failure, FailureCode, Reason, Reply, Stage};
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Grant, Settings};
use zeroize::Zeroizing;

use super::capabilities::Mechanism;
use super::oauth_refusals::{error_name, fitted};
use super::session::Secure;
use super::token_store::TokenOwner;
use super::{Network, classify, oauth};

/// The longest command line every server takes (RFC 5321 §4.5.3.1.4); longer initial responses go on a line of
/// their own (RFC 4954 §4).
const MAX_COMMAND: usize = 510;

enum Credentials<'a> {
    Password { username: &'a str, password: &'a Secret },
    Token { username: &'a str, token: Secret },
}

impl Secure {
    /// Authenticates with the settings' credentials. Gives the name of the mechanism used, `None` without credentials.
    ///
    /// A token that was good when it was got and is refused has been taken back early: another one is fetched and tried
    /// once, before anything is called broken.
    pub(crate) async fn authenticate(
        &mut self,
        network: &Network,
        settings: &Settings,
        owner: TokenOwner<'_>,
    ) -> Result<Option<&'static str>, Failure> {
        let wanted = wanted(&settings.auth);
        if wanted.is_empty() {
            return Ok(None);
        }
        if self.offer.auth.is_none() {
            return Err(fail(FailureCode::AuthNotOffered));
        }
        let mechanisms = self.offer.mechanisms(wanted);
        if mechanisms.is_empty() {
            return Err(fail(FailureCode::AuthMechanismUnsupported));
        }
        let oauth2 = match &settings.auth {
            Auth::None => return Ok(None),
            Auth::Password { username, password } => {
                let credentials = Credentials::Password { username, password };
                return self.sign_in(settings, mechanisms, &credentials).await.map(Some);
            }
            Auth::OAuth2(oauth2) => oauth2,
        };
        let mut refused = None;
        loop {
            let wanted = oauth::Wanted { settings: oauth2, owner, refused: refused.as_ref() };
            let token = oauth::token(network, &wanted, self.limits)
                .await
                .map_err(|(code, reason)| Failure { reason, ..fail(code) })?;
            self.connection.hide(token.secret.expose());
            let credentials = Credentials::Token { username: &oauth2.username, token: token.secret.clone() };
            match self.sign_in(settings, mechanisms.clone(), &credentials).await {
                Ok(mechanism) => return Ok(Some(mechanism)),
                Err(mut failure) => {
                    failure.reason = fitted((failure.code, failure.reason), oauth2).1;
                    let once_more = failure.code == FailureCode::AuthOauthFailed && !token.fetched;
                    if failure.reply.is_some() {
                        network.tokens.forget(oauth2);
                    }
                    if !once_more || refused.is_some() {
                        return Err(failure);
                    }
                    refused = Some(token.secret);
                }
            }
        }
    }

    /// Tries the mechanisms in their order. Gives the name of the one that the server accepted.
    async fn sign_in(
        &mut self,
        settings: &Settings,
        mechanisms: Vec<Mechanism>,
        credentials: &Credentials<'_>,
    ) -> Result<&'static str, Failure> {
        let mut refused = None;
        let mut challenge = None;
        for mechanism in mechanisms {
            match attempt(self, mechanism, credentials, settings, &mut challenge).await? {
                // Only 235 accepts. Any other positive reply means that the two sides are out of step.
                reply if reply.code == 235 => return Ok(mechanism.name()),
                reply if classify::is_mechanism_refused(&reply) => refused = Some(reply),
                reply => {
                    let is_token = matches!(settings.auth, Auth::OAuth2(_));
                    let by_itself = matches!(&settings.auth,
                        Auth::OAuth2(oauth2) if matches!(oauth2.grant, Grant::ClientCredentials));
                    let cause = match challenge.as_deref() {
                        Some("insufficient_scope" | "403") => Cause::OauthTokenScope,
                        // Exchange Online's for an application without a right to the mailbox.
                        _ if by_itself && reply.enhanced.is_some_and(|code| code.to_string() == "5.7.3") => {
                            Cause::OauthMailboxRight
                        }
                        _ => Cause::OauthTokenRefused,
                    };
                    let detail = challenge.unwrap_or_else(|| reply.code.to_string());
                    let mut failure = self.refusal(Stage::Auth, reply);
                    let cause = match failure.reason.as_ref().map(|reason| reason.cause) {
                        None if failure.code == FailureCode::AuthOauthFailed => Some(cause),
                        // What is said of a password is meant of the token.
                        Some(Cause::AuthPolicy) if is_token => Some(Cause::OauthPolicy),
                        Some(Cause::AuthPasswordExpired) if is_token => Some(Cause::OauthAccount),
                        Some(Cause::AuthInPerson) if is_token => {
                            Some(if by_itself { Cause::OauthPolicy } else { Cause::OauthInteraction })
                        }
                        _ => None,
                    };
                    if let Some(cause) = cause {
                        // What passes by itself keeps its code.
                        if failure.code != FailureCode::AuthTemporary {
                            failure.code = FailureCode::AuthOauthFailed;
                        }
                        failure.reason = Some(Reason { cause, detail });
                    }
                    return Err(failure);
                }
            }
        }
        Err(Failure { reply: refused, ..fail(FailureCode::AuthMechanismUnsupported) })
    }
}

/// The mechanisms that go with these credentials, the better ones first.
pub(crate) fn wanted(auth: &Auth) -> &'static [Mechanism] {
    match auth {
        Auth::None => &[],
        Auth::Password { .. } => &[Mechanism::Plain, Mechanism::Login],
        Auth::OAuth2(_) => &[Mechanism::XOauth2, Mechanism::OauthBearer],
    }
}

fn fail(code: FailureCode) -> Failure {
    Failure::new(Stage::Auth, code)
}

async fn attempt(
    session: &mut Secure,
    mechanism: Mechanism,
    credentials: &Credentials<'_>,
    settings: &Settings,
    challenge: &mut Option<String>,
) -> Result<Reply, Failure> {
    match (mechanism, credentials) {
        (Mechanism::Login, Credentials::Password { username, password }) => {
            let reply = command(session, "AUTH LOGIN").await?;
            if reply.code != 334 {
                return Ok(out_of_step(reply));
            }
            let reply = answer(session, &encode(username)).await?;
            if reply.code != 334 {
                return Ok(out_of_step(reply));
            }
            answer(session, &encode(password.expose())).await
        }
        (Mechanism::Plain, Credentials::Password { username, password }) => {
            let response = Zeroizing::new(format!("\0{username}\0{}", password.expose()));
            initial(session, mechanism, &encode(&response)).await
        }
        (_, Credentials::Token { username, token }) => {
            let token = token.expose();
            let response = Zeroizing::new(if mechanism == Mechanism::XOauth2 {
                format!("user={username}\x01auth=Bearer {token}\x01\x01")
            } else {
                let (host, port) = (&settings.host, settings.port);
                let user = username.replace('=', "=3D").replace(',', "=2C");
                format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01")
            });
            let reply = initial(session, mechanism, &encode(&response)).await?;
            if reply.code != 334 {
                return Ok(reply);
            }
            // The challenge holds the error; an empty answer (XOAUTH2) or ^A (RFC 7628 §3.2.3) asks for the
            // final reply.
            *challenge = challenge_status(&reply.text).map(|status| session.connection.clean(&status));
            answer(session, if mechanism == Mechanism::XOauth2 { "" } else { "AQ==" }).await
        }
        (_, Credentials::Password { .. }) => {
            Err(Failure::new(Stage::Auth, FailureCode::AuthMechanismUnsupported))
        }
    }
}

/// The status in a server's challenge: JSON in base64 (RFC 7628 §3.2.2), as a number (XOAUTH2) or a word.
fn challenge_status(text: &str) -> Option<String> {
    let json = STANDARD.decode(text.trim()).ok()?;
    let challenge: serde_json::Value = serde_json::from_slice(&json).ok()?;
    let status = match challenge.get("status")? {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_number = status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
    (is_number || error_name(&status).is_some()).then_some(status)
}

/// Turns a 235 that comes before the secret was sent into a reply that accepts nothing.
fn out_of_step(reply: Reply) -> Reply {
    if reply.code == 235 { Reply { code: 250, ..reply } } else { reply }
}

/// Sends the response with AUTH where the line has room for it. A server that asks for it all the same (334 without a
/// challenge) gets it once more.
async fn initial(session: &mut Secure, mechanism: Mechanism, response: &str) -> Result<Reply, Failure> {
    let name = mechanism.name();
    let line = Zeroizing::new(format!("AUTH {name} {response}"));
    let reply = if line.len() <= MAX_COMMAND {
        send(session, &line, &format!("AUTH {name} <redacted>")).await?
    } else {
        command(session, &format!("AUTH {name}")).await?
    };
    let empty = reply.text.trim().is_empty() || mechanism == Mechanism::Plain;
    let sent = line.len() <= MAX_COMMAND;
    let asks = reply.code == 334 && (!sent || empty);
    match reply {
        _ if asks => answer(session, response).await,
        reply if sent => Ok(reply),
        reply => Ok(out_of_step(reply)),
    }
}

fn encode(text: &str) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(text))
}

async fn command(session: &mut Secure, line: &str) -> Result<Reply, Failure> {
    send(session, line, line).await
}

async fn answer(session: &mut Secure, line: &str) -> Result<Reply, Failure> {
    send(session, line, "<redacted>").await
}

async fn send(session: &mut Secure, line: &str, shown: &str) -> Result<Reply, Failure> {
    let until = session.limits.until(session.limits.timeouts.auth);
    session.in_step(Stage::Auth, until).await?;
    session
        .connection
        .secret(line, shown, until)
        .await
        .map_err(|error| classify::read_error(Stage::Auth, error))?;
    session.reply(Stage::Auth, until).await
}
