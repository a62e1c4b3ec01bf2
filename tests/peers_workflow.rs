//! The ready workflow, docs/audit.yml, is one to the linters of GitHub's workflows at their strictest, and each finds the fault
//! that it is there for.

use std::path::Path;

use testing::process::{Ended, Process, clean, go_tool, root, tool, tools};

/// The linters, without network: actionlint with shellcheck on its scripts, and zizmor, which looks for what an attacker could
/// use.
const LINTERS: [&str; 2] = ["actionlint", "zizmor"];

fn workflow() -> String {
    std::fs::read_to_string(root().join("docs/audit.yml")).unwrap()
}

/// A linter's findings on a workflow in a repository of its own.
fn lint(linter: &str, text: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let workflows = folder.path().join(".github/workflows");
    std::fs::create_dir_all(&workflows).unwrap();
    std::fs::write(workflows.join("audit.yml"), text).unwrap();
    let git = Process::start(clean("git").args(["init", "--quiet"]).current_dir(folder.path())).finish();
    assert_eq!(git.code, Some(0), "{git:?}");
    let mut command = match linter {
        "actionlint" => {
            let mut command = go_tool("actionlint");
            let shellcheck: &Path = &tools().join("bin/shellcheck");
            assert!(shellcheck.exists(), "shellcheck is missing: run 'make peers'");
            command.args(["-pyflakes=", "-shellcheck"]).arg(shellcheck);
            command
        }
        _ => {
            let mut command = tool("zizmor");
            command.args([
                "--offline",
                "--no-progress",
                "--persona=auditor",
                "--strict-collection",
                ".github/workflows/audit.yml",
            ]);
            command
        }
    };
    Process::start(command.current_dir(folder.path())).finish()
}

#[test]
fn the_ready_workflow_has_no_fault_that_a_linter_of_workflows_finds() {
    for linter in LINTERS {
        let ended = lint(linter, &workflow());
        assert_eq!(ended.code, Some(0), "{linter}: {}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn each_linter_finds_a_workflow_that_was_spoilt() {
    let spoilt = [
        ("actionlint", "runs-on:", "run-on:", "unexpected key \"run-on\""),
        ("actionlint", "cron: '17 4 * * *'", "cron: '17 25 * * *'", "invalid CRON format"),
        ("actionlint", "contents: write", "content: write", "unknown permission scope \"content\""),
        ("actionlint", "\"$RUNNER_TEMP/\"", "$RUNNER_TEMP/", "shellcheck reported issue"),
        ("actionlint", "github.token", "github.tokens", "property \"tokens\" is not defined"),
        ("zizmor", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        ("zizmor", "persist-credentials: false", "persist-credentials: true", "artipacked"),
        ("zizmor", "permissions: {}\n", "", "excessive-permissions"),
        ("zizmor", "git add audit.json", "echo ${{ github.event.inputs.text }}", "template-injection"),
    ];
    for (linter, good, bad, said) in spoilt {
        let text = workflow();
        assert!(text.contains(good), "'{good}' is not in docs/audit.yml");
        let ended = lint(linter, &text.replacen(good, bad, 1));
        let output = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code != Some(0) && output.contains(said), "{linter}, '{bad}': {output}");
    }
}
