//! A stage: its section of `samconfig.toml`, as SAM's command line reads it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::package::elf::Arch;

/// The longest name of a stack: AppConfig takes 64 characters for an application, SQS 80 with what follows.
pub(super) const NAME_LIMIT: usize = 64;

/// What the section says.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) stack: String,
    pub(super) region: Option<String>,
    pub(super) profile: Option<String>,
    /// The template, relative to the file.
    pub(super) template: String,
    parameters: BTreeMap<String, String>,
}

impl Stage {
    /// Reads the section of this name.
    pub(super) fn read(text: &str, name: &str) -> Result<Self> {
        let file: Table = text.parse().context("it is not TOML")?;
        let section = file.get(name).and_then(Value::as_table).with_context(|| {
            let known: Vec<_> =
                file.iter().filter(|(_, value)| value.is_table()).map(|(name, _)| name.as_str()).collect();
            format!("it has no stage `{name}`; it has {}", known.join(", "))
        })?;
        // SAM takes what is not under the command from `global`.
        let get = |key: &str| {
            let of = |command: &str| section.get(command)?.get("parameters")?.get(key);
            of("deploy").or_else(|| of("global"))
        };
        let text = |key: &str| get(key).and_then(Value::as_str).map(str::to_owned);
        let items = match get("parameter_overrides") {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(line)) => split(line),
            _ => Vec::new(),
        };
        let parameters = items.iter().filter_map(|item| {
            let (key, value) = item.split_once('=')?;
            Some((key.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
        });
        Ok(Self {
            stack: text("stack_name").with_context(|| format!("the stage `{name}` has no stack_name"))?,
            region: text("region"),
            profile: text("profile"),
            template: text("template_file").unwrap_or_else(|| "template.yaml".to_owned()),
            parameters: parameters.collect(),
        })
    }

    /// Whether everything that is named by the stack's name takes it.
    pub(super) fn has_usable_name(&self) -> bool {
        let letters = self.stack.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        letters && self.stack.len() <= NAME_LIMIT && self.stack.starts_with(|c: char| c.is_ascii_alphabetic())
    }

    /// The names of the parameters that the stage gives.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.keys().map(String::as_str)
    }

    /// A parameter of the template, empty when the stage leaves it to the default.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The processor: the template's default is arm64.
    pub(super) fn arch(&self) -> Result<Arch> {
        match self.parameter("Architecture") {
            "" => Ok(Arch::Arm64),
            name => name.parse(),
        }
    }

    /// The name of the secret with the platform's settings, by the rule of the template.
    pub(super) fn platform_secret(&self) -> String {
        match self.parameter("PlatformSecretName") {
            "" => format!("{}/platform", self.stack),
            name => name.to_owned(),
        }
    }

    /// What the names of the tenants' secrets begin with, by the rule of the template.
    pub(super) fn secret_prefix(&self) -> String {
        match self.parameter("SecretPrefix") {
            "" => format!("{}/tenants/", self.stack),
            prefix => prefix.to_owned(),
        }
    }

    /// The parameters that still have an address of the sample.
    pub(super) fn placeholders(&self) -> Vec<&str> {
        let sample = |value: &str| {
            let name = value.trim_end_matches('/').rsplit(['@', '/']).next().unwrap_or_default();
            name == "example.com" || name.ends_with(".example.com")
        };
        self.parameters
            .iter()
            .filter(|(_, value)| value.split(',').any(sample))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// The items of a line that are separated by spaces; what is in double quotes stays together.
fn split(line: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' | '\n' if !quoted => items.push(String::new()),
            letter => items.last_mut().into_iter().for_each(|item| item.push(letter)),
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_of_the_sample_are_read() -> Result<()> {
        let sample = std::fs::read_to_string(crate::process::root().join("infra/samconfig.toml"))?;
        let production = Stage::read(&sample, "production")?;
        assert_eq!(production.stack, "ownpost");
        assert_eq!(production.platform_secret(), "ownpost/platform");
        assert_eq!(production.parameter("AdminClaim"), "scope=smtp:write");
        assert_eq!(production.arch()?, Arch::Arm64);
        assert_eq!(production.placeholders(), ["AlertEmail", "AllowedOrigins", "EhloName", "JwtIssuer"]);
        let unknown = Stage::read(&sample, "prod").unwrap_err().to_string();
        assert!(unknown.contains("no stage `prod`") && unknown.contains("staging"), "{unknown}");
        Ok(())
    }

    #[test]
    fn a_line_of_parameters_is_read_as_well_as_a_list() -> Result<()> {
        let text = "[dev.global.parameters]\nstack_name = \"dev\"\nregion = \"eu-west-1\"\n[dev.deploy.parameters]\n\
                    parameter_overrides = \"Architecture=x86_64 Product=\\\"{a b}\\\" PlatformSecretName=\\\"own/one\\\"\"\n";
        let stage = Stage::read(text, "dev")?;
        assert_eq!((stage.stack.as_str(), stage.region.as_deref()), ("dev", Some("eu-west-1")));
        assert_eq!(stage.arch()?, Arch::X8664);
        assert_eq!((stage.parameter("Product"), stage.platform_secret().as_str()), ("{a b}", "own/one"));
        assert!(stage.placeholders().is_empty());
        Ok(())
    }
}
