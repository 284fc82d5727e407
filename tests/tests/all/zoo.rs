//! Every animal of the zoo, let loose in a real host: it comes to the end that it must, on time, and
//! nobody else notices.

use vitals_tests::zoo::{Patience, catalogue, visit};

async fn all_is_well_with(group: &str) {
    let mut groups = catalogue().into_iter();
    let (group, animals) = groups
        .find(|(found, _)| found.name == group)
        .unwrap_or_else(|| panic!("there is no group {group}"));
    let report = visit(group, animals, Patience::Busy).await;
    let faults = report.faults();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
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
    sockets: "sockets",
    tls: "tls",
    files_and_system: "files and system",
    files_of_plugins: "files of plugins",
    schemas: "schemas",
}
