//! Mistakes in `trestle.toml` and on the command line.

use tempfile::TempDir;

use crate::command::{CLEAN, ERROR, Ended, run};

/// A gateway with these settings, which it can't use.
fn serve(folder: &TempDir, settings: &str) -> Ended {
    let [config, data] = ["trestle.toml", "data"].map(|name| folder.path().join(name));
    std::fs::write(&config, settings).unwrap();
    let [config, data] = [&config, &data].map(|path| path.to_str().unwrap());
    run(["serve", "--config", config, "--data", data]).with_code(ERROR)
}

#[test]
fn a_mistake_in_the_settings_is_named_with_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("trestle.toml");
    for (text, line, key) in [
        ("[store]\nparth = \"x\"\n", 2, "parth"),
        (
            "[acs]\nusername = \"a\"\n\nmax_session = 3\n",
            4,
            "max_session",
        ),
        ("[acs]\n\nmax_sessions = 0\n", 3, "max_sessions"),
        ("[acs]\nurl = \"not a url\"\n", 2, "url"),
        (
            "[acs]\nperiodic_inform_interval = \"often\"\n",
            2,
            "periodic_inform_interval",
        ),
        ("[admin]\nlisten = \"nowhere\"\n", 2, "listen"),
        (
            "[connection_request]\nauthentication = 1\n",
            2,
            "authentication",
        ),
        ("[transfers]\nallow = [\"10.0.0.0/99\"]\n", 2, "allow"),
        ("[phone]\nhttp = \"\"\n", 1, "phone"),
        ("[acs\n", 1, ""),
    ] {
        let ended = serve(&folder, text);
        let place = format!("{}:{line}:", config.display());
        assert!(ended.stderr.contains(&place), "{text}: {}", ended.stderr);
        assert!(ended.stderr.contains(key), "{text}: {}", ended.stderr);
    }
    for (text, key) in [
        ("[phones]\nproof = \"network\"\n", "phones.proof"),
        ("[syslog]\nudp = \"0.0.0.0:514\"\n", "syslog.udp"),
        ("[acs]\nurl = \"ftp://acs.example.net/\"\n", "acs.url"),
    ] {
        let ended = serve(&folder, text);
        assert!(ended.stderr.contains(key), "{text}: {}", ended.stderr);
    }
    assert!(!folder.path().join("data").exists(), "nothing is begun");
    let missing = folder.path().join("missing.toml");
    let ended = run([
        "device".as_ref(),
        "list".as_ref(),
        "--config".as_ref(),
        missing.as_os_str(),
    ]);
    assert!(ended.with_code(ERROR).stderr.contains("missing.toml"));
}

#[test]
fn a_secret_in_wrong_settings_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        "[acs]\npassword = \"hushed-Cleat-5\"\nmax_sessions = 0\n",
        "[acs]\npassword = \"hushed-Cleat-5\"\nulr = \"\"\n",
        "[acs]\npassword = \"hushed-Cleat-5\n",
        "[acs]\npassword \"hushed-Cleat-5=\"\n",
        "[acs]\npassword = [\"hushed-Cleat-5\"]\n",
        "[acs]\nurl = \"http://me:hushed-Cleat-5@acs.example.net/\"\n",
    ] {
        let ended = serve(&folder, text);
        assert!(!ended.stderr.contains("hushed"), "{}", ended.stderr);
    }
}

#[test]
fn the_command_line_explains_itself() {
    let help = run(["--help"]).with_code(CLEAN);
    for command in [
        "check", "import", "verify", "export", "serve", "demo", "device",
    ] {
        assert!(help.stdout.contains(command), "{}", help.stdout);
    }
    assert!(
        run(["--version"])
            .with_code(CLEAN)
            .stdout
            .starts_with("trestle ")
    );
    run(["no-such-command"]).with_code(ERROR);
    run(["check"]).with_code(ERROR);
    let ended = run(["device", "show", "000b82a1b2"]).with_code(ERROR);
    assert!(ended.stderr.contains("000b82a1b2"), "{ended:?}");
}
