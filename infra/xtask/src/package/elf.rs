//! What a program's ELF file says: its processor, and the glibc that it needs.

use std::fmt::{self, Display};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};
use memchr::memmem;

/// The glibc version of the runtime provided.al2023.
pub(super) const GLIBC: (u32, u32) = (2, 34);

/// A processor that Lambda has, by its name in the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    /// Graviton.
    Arm64,
    /// Intel and AMD.
    X8664,
}

impl Arch {
    /// The compiler's target.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X8664 => "x86_64-unknown-linux-gnu",
        }
    }

    /// That of this machine.
    pub(crate) fn host() -> Result<Self> {
        match std::env::consts::ARCH {
            "aarch64" => Ok(Self::Arm64),
            "x86_64" => Ok(Self::X8664),
            other => bail!("this machine's processor is {other}: say --arch arm64 or --arch x86_64"),
        }
    }
}

impl FromStr for Arch {
    type Err = anyhow::Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "arm64" => Ok(Self::Arm64),
            "x86_64" => Ok(Self::X8664),
            other => bail!("Lambda has no processor `{other}`; it has arm64 and x86_64"),
        }
    }
}

impl Display for Arch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Arm64 => "arm64",
            Self::X8664 => "x86_64",
        })
    }
}

/// The processor of a program, from the ELF header (`e_machine` at offset 18).
pub(crate) fn arch(program: &[u8]) -> Result<Arch> {
    ensure!(program.starts_with(b"\x7fELF"), "the binary is not for Linux");
    match program.get(18..20).context("the binary is cut off")? {
        [0xb7, 0] => Ok(Arch::Arm64),
        [0x3e, 0] => Ok(Arch::X8664),
        other => bail!("Lambda has no processor of ELF machine {other:x?}"),
    }
}

/// The newest glibc version of the symbols that the program needs.
pub(super) fn glibc(program: &[u8]) -> (u32, u32) {
    const MARK: &[u8] = b"GLIBC_";
    let version = |at: usize| {
        let text: Vec<u8> =
            program[at + MARK.len()..].iter().copied().take_while(|b| *b != 0).take(16).collect();
        let mut numbers = std::str::from_utf8(&text).ok()?.split('.').map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    memmem::find_iter(program, MARK).filter_map(version).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_machines_are_read() {
        let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0..GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.4\0GLIBC_PRIVATE\0";
        assert_eq!(glibc(program), (2, 34));
        assert_eq!(arch(program).unwrap(), Arch::Arm64);
        assert!(arch(b"MZ").is_err());
        assert!(arch(b"\x7fELF").is_err());
        assert_eq!(glibc(b"static"), (0, 0));
    }

    #[test]
    fn names_are_those_of_the_template() {
        for arch in [Arch::Arm64, Arch::X8664] {
            assert_eq!(arch.to_string().parse::<Arch>().unwrap(), arch);
        }
        assert!("aarch64".parse::<Arch>().is_err());
    }
}
