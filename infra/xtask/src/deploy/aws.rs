//! The AWS command line, as far as a deployment needs it. It finds credentials as everything else does: environment,
//! profile, sign-on.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::stage::Stage;
use crate::process::command;

/// The command line with the options of a stage.
pub(super) struct Aws {
    program: PathBuf,
    options: Vec<String>,
}

/// A call that AWS or the command line refused.
#[derive(Debug)]
pub(super) struct Refusal {
    /// AWS' code, as `ResourceNotFoundException`; empty when the call did not come so far.
    pub(super) code: String,
    /// The last line that the command line wrote.
    message: String,
}

impl Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl Refusal {
    fn of(said: &str) -> Self {
        let message = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim();
        let code = message.split_once("An error occurred (").and_then(|(_, rest)| rest.split_once(')'));
        Self { code: code.map(|(code, _)| code.to_owned()).unwrap_or_default(), message: message.to_owned() }
    }
}

impl Aws {
    /// The program with what the stage says about region and profile.
    pub(super) fn new(program: PathBuf, stage: Option<&Stage>) -> Self {
        let mut options = Vec::new();
        if let Some(stage) = stage {
            for (option, value) in [("--region", &stage.region), ("--profile", &stage.profile)] {
                options.extend(value.iter().flat_map(|value| [option.to_owned(), value.clone()]));
            }
        }
        Self { program, options }
    }

    /// Makes a call; returns its answer, or null for an empty one.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Value, Refusal> {
        let text = self.text(&[arguments, &["--output", "json"]].concat())?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Makes a call; returns what it prints.
    pub(super) fn text(&self, arguments: &[&str]) -> Result<String, Refusal> {
        let mut call = command(&self.program);
        call.args(arguments).args(&self.options).env("AWS_PAGER", "");
        let output = call.output().map_err(|error| Refusal::of(&error.to_string()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(Refusal::of(&String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// The outputs of a stack by their names.
    pub(super) fn outputs(&self, stack: &str) -> Result<BTreeMap<String, String>> {
        let stacks = self
            .ask(&["cloudformation", "describe-stacks", "--stack-name", stack])
            .map_err(|refusal| anyhow::anyhow!("the outputs of {stack}: {refusal}"))?;
        let outputs = stacks["Stacks"][0]["Outputs"].as_array().context("the stack has no outputs")?;
        let text = |output: &Value, member: &str| output[member].as_str().map(str::to_owned);
        Ok(outputs.iter().filter_map(|it| Some((text(it, "OutputKey")?, text(it, "OutputValue")?))).collect())
    }

    /// Invokes a function and waits for its answer. `folder` is for the two files of the call.
    pub(super) fn invoke(&self, function: &str, event: &Value, folder: &Path) -> Result<Value> {
        let (input, output) = (folder.join("event.json"), folder.join("answer.json"));
        fs::write(&input, event.to_string()).with_context(|| format!("cannot write {}", input.display()))?;
        let (payload, answer) = (format!("fileb://{}", input.display()), output.display().to_string());
        let call = ["lambda", "invoke", "--function-name", function, "--payload", &payload, &answer];
        let status = self.ask(&call).map_err(|refusal| anyhow::anyhow!("{function}: {refusal}"))?;
        let answer: Value = serde_json::from_slice(&fs::read(&output)?).context("the answer is no JSON")?;
        if let Some(error) = status["FunctionError"].as_str() {
            let message = answer["errorMessage"].as_str().unwrap_or(error);
            bail!("{function} failed: {message}; `aws logs tail` on its group says more");
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_code_of_aws() {
        let said = "\nAn error occurred (ResourceNotFoundException) when calling the DescribeSecret operation: no secret\n\n";
        let refusal = Refusal::of(said);
        assert_eq!(refusal.code, "ResourceNotFoundException");
        assert!(refusal.to_string().ends_with("no secret"));
        let refusal = Refusal::of(
            "Unable to locate credentials. You can configure credentials by running \"aws login\".",
        );
        assert_eq!(refusal.code, "");
        assert_eq!(Refusal::of("").to_string(), "it says nothing");
    }
}
