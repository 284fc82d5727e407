//! The lines of guests: marked, bounded, and no way to speak for anybody else.

use super::*;

#[tokio::test]
async fn lines_of_a_guest_are_its_own() {
    let config = format!(
        "{HEAD}[metrics]\nenabled = true\n\
         [checks.logs]\nplugin = 'log'\ninterval = '1h'\n\
         [checks.noise]\nplugin = 'noise'\ninterval = '1h'\nconfig = {{ log = 100, stderr = 100 }}\n\
         [checks.text]\nplugin = 'text'\ninterval = '1h'\n"
    );
    let begin = |filter: &str| {
        Vitals::new(["serve"])
            .config(&config)
            .env("VITALS_LOG", filter)
            .env("VITALS_LOG_FORMAT", "json")
            .plugin("log", guests::LOG)
            .plugin("noise", guests::NOISE)
            .plugin("text", guests::TEXT)
            .serve()
    };
    let of_guest = |serving: &Serving, check: &str| {
        let mut lines = of(serving, "check", check);
        lines.retain(|line| line["target"] == "vitals::guest");
        lines
    };
    let done = async |serving: &Serving| {
        for check in ["logs", "noise", "text"] {
            eventually("the check has turned", async || {
                let lines = of(serving, "check", check);
                let mut turns = lines.iter().filter(|line| line["from"] == "new");
                turns
                    .next()
                    .map(drop)
                    .ok_or_else(|| serving.log().join("\n"))
            })
            .await;
        }
    };
    let serving = begin("info,vitals::guest=debug").await;
    done(&serving).await;
    let line = |level: &str, said: &str| {
        json!({
            "level": level, "target": "vitals::guest", "message": "guest log", "said": said,
            "check": "logs", "plugin": "log", "version": "0.1.0", "digest": "…",
        })
    };
    assert_eq!(
        of_guest(&serving, "logs"),
        [
            line("DEBUG", "a line for the author"),
            line("INFO", "a line worth knowing"),
            line("WARN", "a line worth looking at"),
            line("ERROR", "a line worth acting on"),
        ]
    );
    let noise = of_guest(&serving, "noise");
    let count = |message: &str| {
        noise
            .iter()
            .filter(|line| line["message"] == message)
            .count()
    };
    assert_eq!((count("guest log"), count("guest output")), (64, 64));
    assert_eq!(
        noise.last(),
        Some(&json!({
            "level": "WARN", "target": "vitals::guest", "check": "noise", "plugin": "noise",
            "version": "0.1.0", "digest": "…", "dropped": 36,
            "message": "guest lines dropped, the run logged too many",
        }))
    );
    for line in of_guest(&serving, "text") {
        let text = ["said", "written"].map(|field| line[field].as_str().unwrap_or_default());
        let text = text.concat();
        assert!(!text.is_empty() && text.len() <= 2 << 10, "{line:#}");
        assert!(!text.contains(char::is_control), "{line:#}");
    }
    for line in serving.log() {
        assert!(line.len() < 16 << 10 && !line.contains('\x1b'), "{line:?}");
    }

    // At the default level their author's lines are not shown; and they can be left out.
    for (filter, shown) in [
        ("info", 3),
        ("info,vitals::guest=error", 1),
        ("info,vitals::guest=off", 0),
    ] {
        let serving = begin(filter).await;
        done(&serving).await;
        let found = of_guest(&serving, "logs");
        assert_eq!(found.len(), shown, "{filter}: {found:#?}");
    }
}

#[tokio::test]
async fn no_text_of_a_guest_can_forge_a_line_or_a_field() {
    let forged =
        r#"x\" check=good code=load\u000a2026-01-01T00:00:00Z ERROR check is unhealthy check=good"#;
    let config = format!(
        "{HEAD}[checks.liar]\nplugin = 'status'\ninterval = '1h'\n\
         config = {{ status = 'degraded', message = \"{forged}\" }}\n\
         [checks.good]\nplugin = 'hello'\n[checks.torn]\nplugin = 'torn'\n"
    );
    let serving = Vitals::new(["serve"])
        .config(&config)
        .plugin("status", guests::STATUS)
        .plugin("hello", guests::HELLO)
        .plugin("torn", "no component")
        .serve()
        .await;
    let of_check = |check: &str| {
        let field = format!(" check={check} ");
        // What is quoted is a text, and no field.
        let fields = |line: &&String| line.split('"').next().unwrap_or_default().contains(&field);
        let log = serving.log();
        let lines: Vec<_> = log.iter().filter(fields).cloned().collect();
        lines
    };
    for check in ["liar", "good", "torn"] {
        eventually("its line", async || {
            let lines = of_check(check);
            if lines.is_empty() {
                Err(serving.log().join("\n"))
            } else {
                Ok(())
            }
        })
        .await;
    }
    let words = |line: &str| {
        line.split_once(' ')
            .map(|(_, words)| words.trim().to_owned())
    };
    let [liar] = &of_check("liar")[..] else {
        panic!("{:#?}", serving.log());
    };
    let words_of_liar = words(liar).unwrap_or_default();
    let (before, digest) = words_of_liar.rsplit_once('=').expect("fields");
    assert_eq!(digest.len(), 12, "{liar}");
    assert_eq!(
        before,
        r#"WARN check is degraded check=liar from=new to=degraded said="x\" check=good code=load 2026-01-01T00:00:00Z ERROR check is unhealthy check=good" plugin=status version=0.1.0 digest"#
    );
    let [good] = &of_check("good")[..] else {
        panic!("{:#?}", serving.log());
    };
    let expected =
        r#"INFO check is healthy check=good from=new to=healthy said="hello" plugin=hello"#;
    assert!(
        words(good).is_some_and(|words| words.starts_with(expected)),
        "{good}"
    );
    let [torn] = &of_check("torn")[..] else {
        panic!("{:#?}", serving.log());
    };
    let expected = "ERROR check is unhealthy check=torn from=new to=unhealthy code=load error=\"cannot load plugin";
    assert!(
        words(torn).is_some_and(|words| words.starts_with(expected)),
        "{torn}"
    );
}
