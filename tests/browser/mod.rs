//! A headless Chromium: what a person does on a page in, what is to be seen there out. It speaks Chrome's DevTools protocol over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::patience::{PATIENCE, until};

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// As the protocol counts the keys that are held.
pub const SHIFT: u32 = 8;

/// A browser with one page, until it is dropped.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    /// What the page complained of: errors of its scripts, and what its Content-Security-Policy has kept it from.
    pub complaints: Vec<String>,
    /// Addresses that it asked for.
    pub asked: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub fn start() -> Self {
        let is_there = |name: &&str| {
            let found = Command::new(name).arg("--version").output();
            found.is_ok_and(|found| found.status.success())
        };
        let name = NAMES.into_iter().find(is_there);
        let name = name.expect("a browser: setup/system-packages.sh chromium");
        let profile = tempfile::tempdir().unwrap();
        // The protocol's pipes are 3 and 4. The page is our own, so that no sandbox is needed, which root has none of.
        let mut child = Command::new("bash")
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
                name,
            ])
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
            ])
            .args([
                "--no-first-run",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, from) = channel();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while told.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let message = serde_json::from_slice(&std::mem::take(&mut message));
                if tell.send(message.unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            to: child.stdin.take().unwrap(),
            child,
            from,
            session: None,
            calls: 0,
            complaints: Vec::new(),
            asked: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let page = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", page);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        let answer = self.ask(method, parameters);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// What is answered, or why not.
    fn ask(&mut self, method: &str, parameters: Value) -> Result<Value, Value> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to
            .write_all(format!("{message}\0").as_bytes())
            .unwrap();
        loop {
            let mut answer = self
                .from
                .recv_timeout(PATIENCE)
                .expect("the browser is silent");
            if answer["id"] == self.calls {
                return match answer["error"].is_null() {
                    true => Ok(answer["result"].take()),
                    false => Err(answer["error"].take()),
                };
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, event: &Value) {
        let told = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.complaints.push(told.to_string()),
            "Runtime.consoleAPICalled" if told["type"] == "error" => {
                self.complaints.push(told.to_string());
            }
            "Log.entryAdded" if told["entry"]["level"] == "error" => {
                self.complaints.push(told["entry"].to_string());
            }
            "Network.requestWillBeSent" => {
                let url = told["request"]["url"].as_str().unwrap_or_default();
                self.asked.push(url.to_owned());
            }
            _ => {}
        }
    }

    /// Goes to an address, and waits until all scripts of the page have begun. Films never end, so that their pages are never loaded.
    pub fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.wait_for(&format!(
            "location.href === {url:?} && document.readyState !== 'loading'"
        ));
    }

    /// The value of an expression in the page.
    pub fn look(&mut self, expression: &str) -> Value {
        let value = self.evaluate(expression);
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Waits until an expression is true in the page, or in the one that comes after it.
    pub fn wait_for(&mut self, expression: &str) {
        until(expression, || {
            let value = self.evaluate(expression);
            value.is_ok_and(|value| value == true).then_some(())
        });
    }

    fn evaluate(&mut self, expression: &str) -> Result<Value, Value> {
        let told = self.ask(
            "Runtime.evaluate",
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true}),
        );
        let mut told = told?;
        match told["exceptionDetails"].is_null() {
            true => Ok(told["result"]["value"].take()),
            false => Err(told),
        }
    }

    /// Clicks on a place, in pixels of the window; `held` are the keys held meanwhile.
    pub fn click_at(&mut self, [x, y]: [f64; 2], held: u32) {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1, "modifiers": held});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Clicks on the middle of what a selector finds first, once it is there.
    pub fn click(&mut self, selector: &str) {
        self.wait_for(&format!("document.querySelector({selector:?}) !== null"));
        let middle = self.look(&format!(
            "(() => {{ const found = document.querySelector({selector:?}); found.scrollIntoView({{block: 'center'}});
             const at = found.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; }})()"
        ));
        self.click_at([0, 1].map(|axis: usize| middle[axis].as_f64().unwrap()), 0);
    }

    /// Presses a key by its name; `held` are the keys held meanwhile.
    pub fn press(&mut self, key: &str, held: u32) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            _ => key
                .bytes()
                .next()
                .map_or(0, |byte| u32::from(byte.to_ascii_uppercase())),
        };
        let mut event = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code, "modifiers": held});
        if key == "Enter" {
            event["text"] = json!("\r");
        } else if key.len() == 1 {
            event["text"] = json!(key);
        }
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", event);
    }

    /// Writes into the field that a selector finds.
    pub fn write(&mut self, selector: &str, text: &str) {
        self.look(&format!("document.querySelector({selector:?}).focus()"));
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Makes the window so large, in pixels.
    pub fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Writes the whole page, also what is below the window, as PNG.
    pub fn picture(&mut self, file: &Path) {
        let sizes = self.call("Page.getLayoutMetrics", json!({}));
        let mut clip = sizes["cssContentSize"].clone();
        clip["scale"] = json!(1);
        let taken = self.call(
            "Page.captureScreenshot",
            json!({"format": "png", "captureBeyondViewport": true, "clip": clip}),
        );
        let bytes = STANDARD.decode(taken["data"].as_str().unwrap());
        std::fs::write(file, bytes.unwrap()).unwrap();
    }

    /// "light" or "dark", as the system's settings have it.
    pub fn prefer(&mut self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its other processes go with it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
