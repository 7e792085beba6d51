use super::*;

#[test]
fn nothing_set_gives_the_defaults() {
    let config = Config::read(|_| None).unwrap();
    let resources = AwsResources::read(|_| None).unwrap();
    assert_eq!(resources.secret_prefix, "ownpost/");
    assert!(config.allow_networks.is_empty() && resources.table.is_none() && config.dns_server.is_none());
    assert_eq!(config.retry_for(), Duration::from_hours(48));
    assert_eq!(config.hold_for(), Duration::from_hours(120));
}

#[test]
fn the_list_has_every_variable_that_is_read() {
    let asked = std::cell::RefCell::new(Vec::new());
    let note = |name: &str| {
        asked.borrow_mut().push(name.to_owned());
        None
    };
    Config::read(note).unwrap();
    AwsResources::read(note).unwrap();
    let mut asked = asked.into_inner();
    // Those of AWS are not ours to list.
    asked.retain(|name| !name.starts_with("AWS_"));
    asked.sort();
    // Some are read by both.
    asked.dedup();
    let mut listed: Vec<_> = Config::VARIABLES.iter().map(|variable| variable.name).collect();
    listed.sort_unstable();
    assert_eq!(asked, listed);
}

#[test]
fn usable_and_unusable_values() {
    let check = |variable: &str, value: &str, usable: bool| {
        let get = |name: &str| (name == variable).then(|| value.to_owned());
        let read = Config::read(get).and_then(|_| AwsResources::read(get));
        assert_eq!(read.is_ok(), usable, "{variable}={value:?}: {read:?}");
        if let Err(error) = read {
            assert_eq!(error.variable, variable);
        }
    };
    for (variable, value, usable) in [
        ("OWNPOST_ALLOW_NETWORKS", "127.0.0.0/8, fd00::/8", true),
        ("OWNPOST_ALLOW_NETWORKS", "", true),
        ("OWNPOST_ALLOW_NETWORKS", "127.0.0.1,::1", true),
        ("OWNPOST_ALLOW_NETWORKS", "10.0.0.0/+8", false),
        ("OWNPOST_ALLOW_NETWORKS", "10.0.0.0/8;10.1.0.0/16", false),
        ("OWNPOST_ALLOW_NETWORKS", "10.0.0.0/33", false),
        ("OWNPOST_ALLOW_NETWORKS", "example.org/8", false),
        ("OWNPOST_ALLOW_PORTS", "2526,", true),
        ("OWNPOST_ALLOW_PORTS", "0", false),
        ("OWNPOST_ALLOW_PORTS", "65536", false),
        ("OWNPOST_ALLOW_PORTS", "smtp", false),
        ("OWNPOST_EXTRA_CA_FILE", "/nonexistent.pem", false),
        ("OWNPOST_TEMPLATES", "/nonexistent", false),
        ("OWNPOST_EHLO_NAME", "mail.example.com", true),
        ("OWNPOST_EHLO_NAME", "localhost", false),
        ("OWNPOST_EHLO_NAME", "a.example\r\nRSET", false),
        ("OWNPOST_EHLO_NAME", "-a.example", false),
        ("OWNPOST_PLATFORM_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:p-AbCdEf", true),
        ("OWNPOST_SECRET_PREFIX", "my app/", false),
        ("OWNPOST_ADMIN_CLAIM", "role=admin", true),
        ("OWNPOST_ADMIN_CLAIM", "admin", false),
        ("OWNPOST_ADMIN_CLAIM", "=admin", false),
        ("OWNPOST_READER_CLAIM", "role=support", false),
        ("OWNPOST_TENANT_CLAIM", "https://example.com/tenant", true),
        ("OWNPOST_TENANT_CLAIM", "the tenant", false),
        ("OWNPOST_KMS_KEY", "arn:aws:kms:eu-west-1:111122223333:key/1234", true),
        ("OWNPOST_KMS_KEY", "alias/ownpost", false),
        ("OWNPOST_PLATFORM_SECRET", "arn:aws:s3:::bucket", false),
        ("OWNPOST_SECRET_PREFIX", "arn:aws:secretsmanager:eu-west-1:1:secret:p", false),
        ("OWNPOST_TABLE", "own post", false),
        ("OWNPOST_TABLE", "t", false),
        ("OWNPOST_TABLE", "arn:aws:dynamodb:eu-west-1:1:table/ownpost", true),
        ("OWNPOST_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/mail", true),
        ("OWNPOST_QUEUE_URL", "http://localhost:4566/000000000000/mail", true),
        ("OWNPOST_QUEUE_URL", "mail", false),
        ("OWNPOST_QUEUE_URL", "arn:aws:sqs:eu-west-1:1:mail", false),
        ("OWNPOST_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com", false),
        ("OWNPOST_EVENT_BUS", "a bus", false),
        ("OWNPOST_DKIM", "shop/dkim", true),
        ("OWNPOST_DKIM", "/nonexistent.json", false),
        ("OWNPOST_DKIM", "[{}]", false),
        ("OWNPOST_DKIM", "ownpost/dkim", false),
        ("OWNPOST_DKIM", "arn:aws:secretsmanager:eu-west-1:1:secret:ownpost/dkim-AbCdEf", false),
        ("OWNPOST_OAUTH_PROVIDERS", "shop/providers", true),
        ("OWNPOST_OAUTH_PROVIDERS", "ownpost/providers", false),
        ("OWNPOST_DNS_SERVER", "127.0.0.1:5353", true),
        ("OWNPOST_DNS_SERVER", "localhost:5353", true),
        ("OWNPOST_DNS_SERVER", "[::1]:53", true),
        ("OWNPOST_DNS_SERVER", "127.0.0.1", false),
        ("OWNPOST_RELAY_CONNECTIONS", "5", true),
        ("OWNPOST_RELAY_CONNECTIONS", "0", false),
        ("OWNPOST_RELAY_CONNECTIONS", "many", false),
        ("OWNPOST_SENDERS", "10", true),
        ("OWNPOST_SENDERS", "-1", false),
        ("OWNPOST_RETRY_FOR", "72", true),
        ("OWNPOST_RETRY_FOR", "0", false),
        ("OWNPOST_HOLD_FOR", "48 h", false),
        ("OWNPOST_HOLD_FOR", "2161", false),
        ("OWNPOST_RETAIN_DAYS", "365", true),
        ("OWNPOST_RETAIN_DAYS", "0", false),
        ("OWNPOST_RETAIN_DAYS", "for ever", false),
    ] {
        check(variable, value, usable);
    }
}

#[test]
fn the_platforms_secret_is_not_below_the_tenants_prefix() {
    let read = |secret: &str, prefix: &str| {
        AwsResources::read(|name| match name {
            "OWNPOST_PLATFORM_SECRET" => Some(secret.to_owned()),
            "OWNPOST_SECRET_PREFIX" => Some(prefix.to_owned()),
            _ => None,
        })
    };
    for (secret, prefix) in [
        ("ownpost/platform", ""),
        ("ownpost/", ""),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:ownpost/platform-AbCdEf", ""),
        ("app/mail", "app/"),
    ] {
        let error = read(secret, prefix).unwrap_err();
        assert_eq!(error.variable, "OWNPOST_PLATFORM_SECRET");
        assert!(error.problem.contains("OWNPOST_SECRET_PREFIX"), "{error}");
    }
    for (secret, prefix) in [("ownpost-platform", ""), ("ownpost/platform", "tenants/"), ("", "")] {
        assert!(read(secret, prefix).is_ok(), "{secret} {prefix}");
    }
}

#[test]
fn resources_of_another_region_are_refused_and_both_variables_named() {
    let read = |region: &str, endpoint: &str, variable: &str, value: &str| {
        AwsResources::read(|name| match name {
            "AWS_REGION" => Some(region.to_owned()),
            "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
            name => (name == variable).then(|| value.to_owned()),
        })
    };
    for (variable, value) in [
        ("OWNPOST_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/mail"),
        ("OWNPOST_PLATFORM_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:p-AbCdEf"),
        ("OWNPOST_EVENT_BUS", "arn:aws:events:eu-west-1:1:event-bus/mail"),
        ("OWNPOST_DKIM", "arn:aws:secretsmanager:eu-west-1:1:secret:dkim-AbCdEf"),
        ("OWNPOST_OAUTH_PROVIDERS", "arn:aws:secretsmanager:eu-west-1:1:secret:oauth-AbCdEf"),
    ] {
        assert!(read("eu-west-1", "", variable, value).is_ok(), "{variable}");
        assert!(read("us-east-1", "http://127.0.0.1:4566", variable, value).is_ok(), "{variable}");
        let error = read("us-east-1", "", variable, value).unwrap_err();
        assert_eq!(error.variable, variable);
        assert!(error.problem.contains("AWS_REGION"), "{error}");
    }
}

#[test]
fn a_pipe_a_device_or_a_folder_is_no_file() {
    let files = ["OWNPOST_EXTRA_CA_FILE", DKIM, OAUTH_PROVIDERS, "OWNPOST_PRODUCT"];
    for variable in files {
        for (value, expected) in [("/dev/zero", "regular file"), ("/", "regular file"), ("/no/such", "file")]
        {
            let error = Config::read(|name| (name == variable).then(|| value.to_owned()));
            let problem = match error {
                // A secret's name may begin with a slash.
                Ok(config) => {
                    assert_eq!(config.oauth_providers_secret.as_deref(), Some("/no/such"), "{variable}");
                    continue;
                }
                Err(error) => error.to_string(),
            };
            assert!(problem.starts_with(variable) && problem.contains(expected), "{problem}");
        }
    }
}

#[test]
fn providers_need_an_address_to_come_back_to_and_a_place_to_go_on() {
    const PROVIDERS: &str = r#"{"google": {"clientId": "a", "clientSecret": "s"}}"#;
    let problem = |set: &[(&str, &str)]| {
        let get = |name: &str| {
            set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        Config::read(get).and_then(|config| config.can_connect()).map_err(|error| error.to_string()).err()
    };
    let (providers, url) = ((OAUTH_PROVIDERS, PROVIDERS), ("OWNPOST_PUBLIC_URL", "https://mail.acme.test/"));
    let origin = ("OWNPOST_ALLOW_ORIGINS", "https://app.acme.test");
    let product = ("OWNPOST_PRODUCT", r#"{"settingsUrl": "https://app.acme.test/mail"}"#);
    for set in [&[][..], &[providers, url, origin], &[providers, url, product], &[url, origin]] {
        assert_eq!(problem(set), None, "{set:?}");
    }
    for (set, expected) in [
        (&[providers, origin][..], "OWNPOST_PUBLIC_URL: is needed with"),
        (&[providers, url][..], "OWNPOST_ALLOW_ORIGINS: names no origin"),
        (&[providers, url, ("OWNPOST_ALLOW_ORIGINS", "*")][..], "OWNPOST_ALLOW_ORIGINS: names no origin"),
        (&[("OWNPOST_PUBLIC_URL", "http://mail.acme.test")][..], "OWNPOST_PUBLIC_URL: `http://mail"),
        (&[("OWNPOST_PUBLIC_URL", "http://127.0.0.1.acme.test")][..], "OWNPOST_PUBLIC_URL: `http://127"),
        (&[("OWNPOST_ALLOW_ORIGINS", "app.acme.test")][..], "OWNPOST_ALLOW_ORIGINS: `app.acme.test`"),
        (&[("OWNPOST_ALLOW_ORIGINS", "https://a.test/x")][..], "OWNPOST_ALLOW_ORIGINS: `https://a.test/x`"),
        (&[(OAUTH_PROVIDERS, "{}x")][..], "OWNPOST_OAUTH_PROVIDERS: is no JSON"),
        (&[(OAUTH_PROVIDERS, "no such file")][..], "is neither JSON, nor a file, nor a secret's name"),
        (&[(OAUTH_PROVIDERS, "mail/oauth")][..], "`mail/oauth` is neither JSON nor a file"),
    ] {
        let problem = problem(set).unwrap_or_default();
        assert!(problem.contains(expected), "{set:?}: {problem}");
        assert!(!problem.contains('\n'));
    }
}

#[tokio::test]
async fn providers_can_be_in_a_secret() {
    let memory = crate::testing::memory::Memory::new();
    let read = || Config::read(|name| (name == OAUTH_PROVIDERS).then(|| "mail/oauth".to_owned())).unwrap();
    let secrets = memory.effects().secrets;
    let error = read().with_secrets(&*secrets).await.unwrap_err();
    assert_eq!(error.to_string(), "OWNPOST_OAUTH_PROVIDERS: there is no secret `mail/oauth`");
    memory.set_operator("mail/oauth", "hunter2");
    let error = read().with_secrets(&*secrets).await.unwrap_err().to_string();
    assert!(error.contains("the secret `mail/oauth`: is no JSON") && !error.contains("hunter2"), "{error}");
    memory.set_operator("mail/oauth", r#"{"google": {"clientId": "a", "clientSecret": "s"}}"#);
    let config = read().with_secrets(&*secrets).await.unwrap();
    assert!(config.oauth_providers.get("google").is_some() && config.oauth_providers_secret.is_none());
}

#[test]
fn an_issuer_and_its_audiences_go_together() {
    let read = |url: &str, audiences: &str| {
        let get = |name: &str| match name {
            JWT_ISSUER => Some(url.to_owned()),
            JWT_AUDIENCE => Some(audiences.to_owned()),
            _ => None,
        };
        Config::read(get).map(|config| config.issuer).map_err(|error| error.to_string())
    };
    let issuer = read("https://id.acme.test/", "ownpost, second,").unwrap().unwrap();
    assert_eq!(issuer.url, "https://id.acme.test/", "the slash is part of `iss`");
    assert_eq!(issuer.audiences, ["ownpost", "second"]);
    assert_eq!(read("", "").unwrap(), None);
    assert_eq!(
        read("https://id.acme.test", ",").unwrap_err(),
        "OWNPOST_JWT_ISSUER: needs OWNPOST_JWT_AUDIENCE"
    );
    assert_eq!(read("", "ownpost").unwrap_err(), "OWNPOST_JWT_AUDIENCE: needs OWNPOST_JWT_ISSUER");
    assert!(read("http://id.acme.test", "ownpost").unwrap_err().contains("is no issuer"));
}

#[test]
fn pages_of_the_origins_that_are_named_may_call() {
    let config = |origins: &[&str]| Config {
        allow_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        public_url: Some("https://mail.acme.test:8443/api".to_owned()),
        ..Config::default()
    };
    for (allowed, origin, expected) in [
        ("https://app.acme.test", "https://app.acme.test", true),
        ("https://app.acme.test", "https://app.acme.test.evil.test", false),
        ("https://app.acme.test", "http://app.acme.test", false),
        ("https://app.acme.test", "null", false),
        ("https://*.acme.test", "https://one.acme.test", true),
        ("https://*.acme.test", "https://one.two.acme.test", true),
        ("https://*.acme.test", "https://.acme.test", false),
        ("https://*.acme.test", "https://evil.test/.acme.test", false),
        ("https://*.acme.test", "https://one.acme.test.evil.test", false),
        ("https://*", "https://anything.test:8080", true),
        ("https://*", "http://anything.test", false),
        ("*", "null", true),
        // The API's own, behind a proxy.
        ("https://app.acme.test", "https://mail.acme.test:8443", true),
        ("https://app.acme.test", "https://mail.acme.test", false),
    ] {
        assert_eq!(config(&[allowed]).allows_origin(origin), expected, "{allowed} {origin}");
    }
}

#[test]
fn lists_are_separated_by_commas() {
    let config =
        Config::read(|name| (name == "OWNPOST_ALLOW_PORTS").then(|| "2526, 5870".to_owned())).unwrap();
    assert_eq!(config.allow_ports, [2526, 5870]);
}
