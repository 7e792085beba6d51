//! The template of a stage, as far as a deployment looks at it: its code and its parameters. In YAML as it is written here
//! and by `sam package`, with two spaces a level, or in JSON.

use serde_json::Value;

/// A parameter: its name, and whether it has a default.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) has_default: bool,
}

/// The zip that a template names.
pub(super) fn code(template: &str) -> Option<&str> {
    let (_, rest) = template.split_once("CodeUri")?;
    let rest = rest.trim_start_matches(['"', '\'', ':', ' ']);
    rest.split(['"', '\'', ',', '\n']).next().map(str::trim).filter(|code| !code.is_empty())
}

/// The parameters of a template.
pub(super) fn parameters(template: &str) -> Vec<Parameter> {
    if let Ok(json) = serde_json::from_str::<Value>(template) {
        let all = json["Parameters"].as_object().into_iter().flatten();
        let parameter = |(name, given): (&String, &Value)| Parameter {
            name: name.clone(),
            has_default: given.get("Default").is_some(),
        };
        return all.map(parameter).collect();
    }
    let mut parameters = Vec::<Parameter>::new();
    let section = template.lines().skip_while(|line| line.trim_end() != "Parameters:").skip(1);
    for line in section.take_while(|line| line.is_empty() || line.starts_with([' ', '#'])) {
        let name = line.strip_prefix("  ").and_then(|rest| rest.trim_end().strip_suffix(':'));
        if let Some(name) = name.filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric())) {
            parameters.push(Parameter { name: name.to_owned(), has_default: false });
        } else if line.starts_with("    Default:") {
            parameters.iter_mut().last().into_iter().for_each(|last| last.has_default = true);
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_parameters_of_a_template_are_found() {
        let template = std::fs::read_to_string(crate::process::root().join("infra/template.yaml")).unwrap();
        assert_eq!(code(&template), Some("../target/package/ownpost-lambda.zip"));
        let parameters = parameters(&template);
        let needed: Vec<_> =
            parameters.iter().filter(|it| !it.has_default).map(|it| it.name.as_str()).collect();
        assert_eq!(needed, ["JwtIssuer", "JwtAudience"]);
        assert_eq!(parameters.last().map(|it| it.name.as_str()), Some("LogLevel"));
        assert_eq!(parameters.len(), template.matches("    Description: ").count() - of_resources(&template));
    }

    /// The descriptions that are no parameter's: those behind the parameters.
    fn of_resources(template: &str) -> usize {
        template.split_once("\nRules:").map_or(0, |(_, rest)| rest.matches("    Description: ").count())
    }

    #[test]
    fn a_template_in_json_is_read_too() {
        let json = r#"{"Parameters": {"A": {"Type": "String"}, "B": {"Default": ""}},
                       "Globals": {"Function": {"CodeUri": "/a b/c.zip", "M": 1}}}"#;
        assert_eq!(code(json), Some("/a b/c.zip"));
        let parameter = |name: &str, has_default| Parameter { name: name.to_owned(), has_default };
        assert_eq!(parameters(json), [parameter("A", false), parameter("B", true)]);
        assert_eq!((code("Resources: {}"), parameters("Resources: {}")), (None, Vec::new()));
    }
}
