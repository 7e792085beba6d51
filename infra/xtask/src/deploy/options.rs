//! The arguments of `cargo xtask deploy`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use super::stage::Stage;
use crate::process::root;

/// What a person asks for.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that a person gives or not")]
pub(super) struct Options {
    pub(super) stage: String,
    pub(super) to: Option<String>,
    pub(super) platform: Option<PathBuf>,
    pub(super) config: PathBuf,
    pub(super) dry_run: bool,
    pub(super) yes: bool,
    pub(super) packaged: bool,
    pub(super) smoke: bool,
}

impl Options {
    /// Reads the arguments.
    pub(super) fn read(arguments: &[String]) -> Result<Self> {
        let mut stage = None;
        let mut options = Self {
            stage: String::new(),
            to: None,
            platform: None,
            config: root().join("infra/samconfig.toml"),
            dry_run: false,
            yes: false,
            packaged: false,
            smoke: true,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next().filter(|value| !value.starts_with("--"));
                value.with_context(|| format!("{argument} wants a value; `cargo xtask deploy --help`"))
            };
            // Cargo starts this program in the folder where the person is, and everything else runs in the root.
            let file = |name: &String| std::path::absolute(name).with_context(|| name.clone());
            match argument.as_str() {
                "--stage" => stage = Some(value()?.clone()),
                "--to" => options.to = Some(value()?.clone()),
                "--platform" => options.platform = Some(file(value()?)?),
                "--config" => options.config = file(value()?)?,
                "--dry-run" => options.dry_run = true,
                "--yes" => options.yes = true,
                "--packaged" => options.packaged = true,
                "--no-smoke" => options.smoke = false,
                other => bail!("no option `{other}`; `cargo xtask deploy --help` lists them"),
            }
        }
        options.stage =
            stage.context("which stage? `cargo xtask deploy --stage staging`; `--help` says more")?;
        ensure!(options.smoke || options.to.is_none(), "--to and --no-smoke exclude each other");
        Ok(options)
    }

    /// Who gets the mail of the smoke test; `None` when there is none.
    pub(super) fn recipient<'a>(&'a self, stage: &'a Stage) -> Option<&'a str> {
        let asked =
            self.to.as_deref().or_else(|| Some(stage.parameter("AlertEmail")).filter(|it| !it.is_empty()));
        asked.filter(|_| self.smoke)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options> {
        Options::read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_read_and_mistakes_are_named() {
        let options = read("--stage staging --to me@example.org --dry-run").unwrap();
        assert_eq!((options.stage.as_str(), options.to.as_deref()), ("staging", Some("me@example.org")));
        assert!(options.dry_run && options.smoke && !options.yes);
        assert!(options.config.ends_with("infra/samconfig.toml"));
        for (line, named) in [
            ("--dry-run", "which stage?"),
            ("--stage --dry-run", "--stage wants a value"),
            ("--stage x --force", "no option `--force`"),
            ("--stage x --no-smoke --to me@example.org", "exclude each other"),
        ] {
            assert!(read(line).unwrap_err().to_string().contains(named), "{line}");
        }
    }
}
