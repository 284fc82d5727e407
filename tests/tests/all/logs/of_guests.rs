//! The lines of guests: marked, bounded, and unable to imitate others.

use super::*;

#[tokio::test]
async fn lines_of_guests_are_marked_and_bounded() {
    let config = format!(
        "{HEAD}[metrics]\nenabled = true\n\
         [checks.logs]\nplugin = 'log'\ninterval = '1h'\n\
         [checks.noise]\nplugin = 'noise'\ninterval = '1h'\nconfig = {{ log = 100, stderr = 100 }}\n\
         [checks.text]\nplugin = 'text'\ninterval = '1h'\n"
    );
    let begin = |filter: &str| {
        let vitals = Vitals::new(["serve"]).config(&config);
        let vitals = vitals.guests([guests::LOG, guests::NOISE, guests::TEXT]);
        let vitals = vitals.env("VITALS_LOG", filter);
        vitals.env("VITALS_LOG_FORMAT", "json").serve()
    };
    let of_guest = |serving: &Serving, check: &str| {
        let mut lines = of(serving, "check", check);
        lines.retain(|line| line["target"] == "vitals::guest");
        lines
    };
    let done = async |serving: &Serving| {
        for check in ["logs", "noise", "text"] {
            eventually("the check has its first status", async || {
                let lines = of(serving, "check", check);
                let is_done = lines.iter().any(|line| line["from"] == "new");
                when(is_done, serving.log().join("\n"))
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
        let lines = noise.iter().filter(|line| line["message"] == message);
        lines.count()
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

    // At the default level, debug lines are left out, and a filter can leave out all of them.
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
        .guests([guests::STATUS, guests::HELLO])
        .plugin("torn", "no component")
        .serve()
        .await;
    let of_check = |check: &str| -> Vec<String> {
        let field = format!(" check={check} ");
        // A field is not inside of quotes.
        let has_field =
            |line: &String| line.split('"').next().is_some_and(|it| it.contains(&field));
        serving.log().into_iter().filter(has_field).collect()
    };
    // The only line about a check, without its time.
    let line = async |check: &str| {
        let lines = eventually("its line", async || {
            let lines = of_check(check);
            let is_there = !lines.is_empty();
            is_there
                .then_some(lines)
                .ok_or_else(|| serving.log().join("\n"))
        });
        let [line] = <[String; 1]>::try_from(lines.await).expect("one line");
        let (_, line) = line.split_once(' ').expect("a time");
        line.trim().to_owned()
    };
    let [liar, good, torn] = [line("liar").await, line("good").await, line("torn").await];
    let (before, digest) = liar.rsplit_once('=').expect("fields");
    assert_eq!(digest.len(), 12, "{liar}");
    assert_eq!(
        before,
        r#"WARN check is degraded check=liar from=new to=degraded said="x\" check=good code=load 2026-01-01T00:00:00Z ERROR check is unhealthy check=good" plugin=status version=0.1.0 digest"#
    );
    let expected =
        r#"INFO check is healthy check=good from=new to=healthy said="hello" plugin=hello"#;
    assert!(good.starts_with(expected), "{good}");
    let expected = "ERROR check is unhealthy check=torn from=new to=unhealthy code=load error=\"cannot load plugin";
    assert!(torn.starts_with(expected), "{torn}");
}
