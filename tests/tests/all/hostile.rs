//! Every case of the hostile-guest suite, let loose in a real host: it comes to the end that it
//! must, on time, and nobody else notices.

use vitals_tests::guests;
use vitals_tests::hostile::{HostileCase, Patience, catalogue, run_group, written};

async fn all_is_well_with(group: &str) {
    let mut groups = catalogue().into_iter();
    let (group, cases) = groups
        .find(|(found, _)| found.name == group)
        .unwrap_or_else(|| panic!("there is no group {group}"));
    let report = run_group(group, cases, Patience::Busy).await;
    let faults = report.faults();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn names() -> Vec<&'static str> {
    let groups = catalogue();
    let cases = groups.iter().flat_map(|(_, cases)| cases);
    cases.map(HostileCase::name).collect()
}

#[test]
fn the_page_of_the_docs_shows_every_case() {
    let page = std::fs::read_to_string(guests::root().join("docs/hostile-guests.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let shown = rows.filter_map(|row| row.split(" | ").next());
    let shown: Vec<_> = shown.filter(|name| *name != "guest").collect();
    let cases = names();
    assert_eq!(cases, shown, "`cargo xtask hostile` writes the page anew");
    assert!(!page.contains("**red**"), "a case is red on the page");
    assert!(cases.len() >= 90, "{} cases", cases.len());
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let mut names = names();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn every_guest_that_is_written_as_text_is_let_loose() {
    let sources: String = ["tests/src/hostile", "tests/src/hostile/host_work"]
        .into_iter()
        .flat_map(|directory| std::fs::read_dir(guests::root().join(directory)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for name in written() {
        assert!(
            sources.contains(&format!("\"{name}\"")),
            "{name}.wat is nobody's"
        );
    }
}

macro_rules! groups {
    ($($test:ident: $group:literal,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                all_is_well_with($group).await;
            }
        )*

        #[test]
        fn every_group_has_a_test() {
            let tested = [$($group),*];
            let groups: Vec<_> = catalogue().iter().map(|(group, _)| group.name).collect();
            assert_eq!(groups, tested);
        }
    };
}

groups! {
    computing: "computing",
    memory: "memory",
    start_functions: "start functions",
    descriptions: "descriptions",
    answers: "answers",
    output: "output",
    resources: "resources",
    http: "http",
    fetch: "fetch",
    sockets: "sockets",
    tls: "tls",
    net: "net",
    files_and_system: "files and system",
    files_of_plugins: "files of plugins",
    compilation: "compilation",
    schemas: "schemas",
    what_the_host_does_with_it: "what the host does with it",
    receivers: "receivers",
    library: "library",
    access: "access",
    shortage: "shortage",
}
