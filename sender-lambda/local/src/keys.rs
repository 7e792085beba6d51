//! The data folder's key: secrets are sealed with it (ChaCha20-Poly1305, RFC 8439), and tokens and revisions
//! are signed with it (HMAC-SHA-256). It lives in a file of its own with mode 0600.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use zeroize::{Zeroize as _, Zeroizing};

use crate::private_file::create_private;

const KEY_BYTES: usize = 32;

/// The keys of one data folder.
pub struct Keys {
    seal: LessSafeKey,
    sign: hmac::Key,
}

/// A sealed value does not open: it was changed, moved to another place, or sealed with another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open with this key")]
pub struct DoesNotOpen;

impl Keys {
    /// Keys that live as long as the process.
    pub fn ephemeral() -> io::Result<Self> {
        Self::derive(&*random_key()?)
    }

    /// Reads the key file. One that is missing or empty is made when `may_make` allows it, and is
    /// [`io::ErrorKind::NotFound`] otherwise.
    pub fn open(path: &Path, may_make: bool) -> io::Result<Self> {
        let encoded = match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(encoded) if encoded.is_empty() => {
                if !may_make {
                    return Err(io::ErrorKind::NotFound.into());
                }
                fs::remove_file(path)?;
                create(path)?
            }
            Ok(encoded) => {
                let mode = fs::metadata(path)?.permissions().mode();
                if mode & 0o077 != 0 {
                    return Err(io::Error::other(format!(
                        "the key file {path} may be read by others; run: chmod 600 {path}",
                        path = path.display()
                    )));
                }
                encoded
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => create(path)?,
            Err(error) => return Err(error),
        };
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        match STANDARD.decode_slice(encoded.trim(), key.as_mut()) {
            Ok(KEY_BYTES) => Self::derive(&*key),
            _ => Err(io::Error::other(format!("{} is no key file", path.display()))),
        }
    }

    fn derive(master: &[u8]) -> io::Result<Self> {
        // One key for each use, so that nothing sealed can pass for something signed.
        let expand = |label: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, master), label);
        let seal = UnboundKey::new(&CHACHA20_POLY1305, expand(b"ownpost seal").as_ref())
            .map_err(|_| io::Error::other("no sealing key"))?;
        let sign = hmac::Key::new(hmac::HMAC_SHA256, expand(b"ownpost sign").as_ref());
        Ok(Self { seal: LessSafeKey::new(seal), sign })
    }

    /// Encrypts the text for this place; it opens nowhere else.
    pub fn seal(&self, place: &str, text: &str) -> Result<Vec<u8>, DoesNotOpen> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| DoesNotOpen)?;
        let mut sealed = nonce.to_vec();
        let mut body = text.as_bytes().to_vec();
        let tag = self
            .seal
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut body,
            )
            .map_err(|_| DoesNotOpen)?;
        sealed.extend_from_slice(&body);
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Decrypts what [`Keys::seal`] made for the same place.
    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<String>, DoesNotOpen> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let mut body = body.to_vec();
        let opened = self.seal.open_in_place(nonce, Aad::from(place.as_bytes()), &mut body);
        let text = opened
            .ok()
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .map(|text| Zeroizing::new(text.to_owned()));
        body.zeroize();
        text.ok_or(DoesNotOpen)
    }

    /// Signs a text: `payload.signature`, both in URL-safe base64.
    pub fn sign(&self, text: &str) -> String {
        let payload = URL_SAFE_NO_PAD.encode(text);
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.sign, payload.as_bytes()));
        format!("{payload}.{signature}")
    }

    /// The text, when [`Keys::sign`] signed it.
    pub fn verify(&self, signed: &str) -> Option<String> {
        let (payload, signature) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.sign, payload.as_bytes(), &signature).ok()?;
        String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// A short name for a text that may hold secrets: it changes with the text and tells nothing of it.
    pub fn fingerprint(&self, text: &str) -> String {
        let mut name = URL_SAFE_NO_PAD.encode(hmac::sign(&self.sign, text.as_bytes()));
        name.truncate(22);
        name
    }
}

fn random_key() -> io::Result<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(key.as_mut()).map_err(io::Error::other)?;
    Ok(key)
}

/// Makes a key file. It has its name once it is whole, so that a crash leaves none or a usable one.
fn create(path: &Path) -> io::Result<Zeroizing<String>> {
    let encoded = Zeroizing::new(STANDARD.encode(*random_key()?));
    match create_private(path, encoded.as_bytes()) {
        // Another process that shares the folder was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read_to_string(path).map(Zeroizing::new)
        }
        created => created.map(|()| encoded),
    }
}

/// A random password of 24 letters, digits, `-` and `_`.
pub fn random_password() -> io::Result<String> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_values_open_in_their_place_alone() {
        let (keys, others) = (Keys::ephemeral().unwrap(), Keys::ephemeral().unwrap());
        let sealed = keys.seal("acme/1", "hunter2").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(keys.unseal("acme/1", &sealed).as_deref().map(String::as_str), Ok("hunter2"));
        assert!(keys.unseal("acme/2", &sealed).is_err());
        assert!(others.unseal("acme/1", &sealed).is_err());
        assert!(keys.unseal("acme/1", &sealed[..10]).is_err());
        let mut changed = sealed;
        changed[14] ^= 1;
        assert!(keys.unseal("acme/1", &changed).is_err());
    }

    #[test]
    fn a_signature_is_verified_with_its_own_key() {
        let (keys, others) = (Keys::ephemeral().unwrap(), Keys::ephemeral().unwrap());
        let token = keys.sign("acme");
        assert_eq!(keys.verify(&token).as_deref(), Some("acme"));
        assert_eq!(others.verify(&token), None);
        for bad in ["", ".", "x.y", "YWNtZQ", "YWNtZQ.", &format!("{token}A"), &token[1..]] {
            assert_eq!(keys.verify(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_file_is_kept_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(Keys::open(&path, false).err().unwrap().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "").unwrap();
        assert_eq!(
            Keys::open(&path, false).err().unwrap().kind(),
            io::ErrorKind::NotFound,
            "a half-made key"
        );
        let sealed = Keys::open(&path, true).unwrap().seal("p", "s").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Keys::open(&path, false).unwrap().unseal("p", &sealed).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Keys::open(&path, true).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "rubbish").unwrap();
        assert!(Keys::open(&path, true).is_err());
    }
}
