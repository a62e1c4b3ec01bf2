//! Chromium without a window, and one tab in it, led over a pair of pipes (Chrome DevTools Protocol).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testing::process::{PATIENCE, Process, clean, tool};

pub struct Tab {
    requests: File,
    messages: Receiver<Value>,
    next_id: u64,
    session: Option<String>,
    /// Events that the browser sent unasked.
    events: Vec<Value>,
    browser: Process,
    _folder: TempDir,
}

impl Tab {
    pub fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [requests, answers] = ["requests", "answers"].map(|name| folder.path().join(name));
        let made = Command::new("mkfifo").args([&requests, &answers]).status().unwrap();
        assert!(made.success(), "mkfifo failed");
        // The protocol's pipes are file descriptors 3 and 4.
        let mut shell = clean("/bin/sh");
        shell
            .args(["-c", r#"exec "$0" "$@" 3<"$HOME/requests" 4>"$HOME/answers""#])
            .arg(tool("chromium").get_program());
        shell.args(["--remote-debugging-pipe", "--no-first-run", "--disable-background-networking"]);
        shell.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        let browser = Process::start(shell.arg("about:blank").env("HOME", folder.path()));
        // The shell opens them in this order too, and each waits for its other end.
        let requests = File::options().write(true).open(requests).unwrap();
        let messages = read(&answers);
        let mut tab =
            Self { requests, messages, next_id: 0, session: None, events: Vec::new(), browser, _folder: folder };
        let target = tab.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = tab.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        tab.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        tab
    }

    /// Calls a method of the protocol and returns its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next_id += 1;
        let mut request = json!({"id": self.next_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        self.requests.write_all(format!("{request}\0").as_bytes()).unwrap();
        loop {
            let message = self.next(method);
            if message["id"] == self.next_id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    #[track_caller]
    fn next(&mut self, what_for: &str) -> Value {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => message,
            Err(error) => panic!("{what_for}: {error}; has ended: {}", self.browser.has_ended()),
        }
    }

    /// Does what `begin` does and waits until a page has loaded.
    #[track_caller]
    pub fn until_loaded(&mut self, begin: impl FnOnce(&mut Self)) {
        self.events.clear();
        begin(self);
        let loaded = |event: &Value| event["method"] == "Page.loadEventFired";
        let deadline = Instant::now() + PATIENCE;
        while !self.events.iter().any(loaded) {
            assert!(Instant::now() < deadline, "no page was loaded: {:?}", self.events);
            let event = self.next("a page to load");
            self.events.push(event);
        }
    }

    #[track_caller]
    pub fn go(&mut self, url: &str) {
        self.until_loaded(|tab| {
            let gone = tab.call("Page.navigate", json!({"url": url}));
            assert!(gone["errorText"].is_null(), "{url}: {gone}");
        });
    }

    /// The value of a script. The page's policy does not bind it.
    #[track_caller]
    pub fn evaluate(&mut self, script: &str) -> Value {
        let parameters = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{result}");
        result["result"]["value"].clone()
    }

    pub fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    pub fn press(&mut self, key: &str, code: u32, text: &str) {
        let event = |kind: &str| json!({"type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", event(if text.is_empty() { "rawKeyDown" } else { "keyDown" }));
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
    }

    /// As a screen this wide, or a phone, in light or dark.
    pub fn show_at(&mut self, width: u32, scheme: &str) {
        let screen = json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", screen);
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.call("Emulation.setEmulatedMedia", json!({"features": [feature]}));
    }

    /// The whole page as a PNG.
    pub fn picture(&mut self, file: &Path) {
        use base64::Engine as _;
        let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let taken = self.call("Page.captureScreenshot", json!({"clip": clip, "captureBeyondViewport": true}));
        let png = base64::prelude::BASE64_STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
    }

    /// The browser's complaints since the page began to load: errors, violations of the policy, exceptions,
    /// requests for anything but the page.
    pub fn complaints(&mut self) -> Vec<Value> {
        // Everything that was on its way has come when this is answered.
        self.call(
            "Runtime.evaluate",
            json!({"expression": "new Promise(requestAnimationFrame)", "awaitPromise": true}),
        );
        std::thread::sleep(Duration::from_millis(50));
        self.call("Runtime.evaluate", json!({"expression": "0"}));
        let is_complaint = |event: &&Value| {
            let parameters = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                // That the page itself is answered with an error is not the page's fault.
                "Log.entryAdded" => parameters["entry"]["source"] != "network",
                "Audits.issueAdded" | "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" => true,
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str().unwrap_or_default();
                    parameters["type"] != "Document" && !url.starts_with("data:")
                }
                _ => false,
            }
        };
        self.events.iter().filter(is_complaint).cloned().collect()
    }
}

/// Messages, each ended by a zero byte, until the pipe is closed.
fn read(pipe: &Path) -> Receiver<Value> {
    let (sender, receiver) = channel();
    let pipe = BufReader::new(File::open(pipe).unwrap());
    std::thread::spawn(move || {
        for message in pipe.split(0) {
            let Ok(message) = message else { return };
            let Ok(message) = serde_json::from_slice(&message) else { return };
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}
