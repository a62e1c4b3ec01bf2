//! The pages in a real browser: on a screen and on a phone, in light and in dark, by keyboard, and without barriers.
//! Screenshots are left in `target/screenshots/`.

mod chromium;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use chromium::Tab;
use testing::client::get;
use testing::image::Image;
use testing::instance::Instance;
use testing::scene::Scene;
use testing::stage::{REGISTRY, REPOSITORY};

/// An instance that has seen `v1`, and `moved`, which has moved twice.
async fn scene() -> Scene {
    let scene = Scene::set();
    scene.stage.push("v1", &Image::oci("shown")).await;
    assert_eq!(get(&scene.instance.url("manifests/v1")).await.status, 200);
    for (number, status) in [(0, 200), (1, 403), (2, 403)] {
        scene.stage.push("moved", &Image::index(&number.to_string())).await;
        assert_eq!(get(&scene.instance.url("manifests/moved")).await.status, status);
        remembers(&scene.instance, number).await;
    }
    scene
}

/// Waits until as many moves are remembered, which is done after the answer.
async fn remembers(instance: &Instance, count: usize) {
    loop {
        let answer = get(&instance.at(&format!("/moves/{REGISTRY}/{REPOSITORY}:moved"))).await;
        let moves: Value = serde_json::from_slice(&answer.bytes).unwrap();
        if moves["moves"].as_array().unwrap().len() == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Each kind of page by a name.
fn pages(instance: &Instance) -> [(&'static str, String); 5] {
    [
        ("home", instance.at("/")),
        ("sighting", instance.at(&sighting("v1"))),
        ("moved", instance.at(&sighting("moved"))),
        ("unseen", instance.at(&sighting("v2"))),
        ("fault", instance.at("/sightings?tag=%3Cb%3Ealpine")),
    ]
}

fn sighting(tag: &str) -> String {
    format!("/sightings/{REGISTRY}/{REPOSITORY}:{tag}")
}

const LIGHT: &str = "rgb(251, 250, 247)";
const DARK: &str = "rgb(22, 22, 20)";

#[tokio::test]
async fn every_page_is_well_on_any_screen() {
    let (scene, mut tab) = (scene().await, Tab::open());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, url) in pages(&scene.instance) {
        for width in [1280, 390, 320] {
            for (scheme, background) in [("light", LIGHT), ("dark", DARK)] {
                let case = format!("{name}-{width}-{scheme}");
                tab.show_at(width, scheme);
                tab.go(&url);
                tab.picture(&folder.join(format!("{case}.png")));
                assert_eq!(tab.complaints(), [] as [Value; 0], "{case}");
                // The policy lets the style in, and the style knows the scheme.
                let shown = tab.evaluate("getComputedStyle(document.body).backgroundColor");
                assert_eq!(shown, background, "{case}");
                let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
                assert_eq!(tab.evaluate(overflow), 0, "{case} scrolls sideways");
                assert_eq!(barriers(&mut tab), [] as [String; 0], "{case}");
            }
        }
    }
}

/// The findings of axe by all its rules, those of best practice too.
fn barriers(tab: &mut Tab) -> Vec<String> {
    let axe: PathBuf = [env!("CARGO_MANIFEST_DIR"), ".tools/chromium/axe.min.js"].iter().collect();
    let axe = std::fs::read_to_string(&axe).unwrap_or_else(|error| panic!("{}: {error}", axe.display()));
    tab.evaluate(&format!("{axe}; 0"));
    let found = tab.evaluate("axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found))");
    let found: Value = serde_json::from_str(found.as_str().unwrap()).unwrap();
    assert!(found["passes"].as_array().is_some_and(|passes| passes.len() > 10), "axe checked nothing: {found}");
    let violations = found["violations"].as_array().unwrap().iter();
    violations.map(|one| format!("{}: {}", one["id"], one["nodes"][0]["failureSummary"])).collect()
}

#[tokio::test]
async fn the_form_leads_to_the_page_of_the_tag() {
    let (scene, mut tab) = (scene().await, Tab::open());
    tab.go(&scene.instance.at("/"));
    tab.evaluate("document.querySelector('input').focus()");
    tab.type_text(&format!("{}/{REGISTRY}/{REPOSITORY}:v1", scene.instance.address));
    tab.until_loaded(|tab| tab.press("Enter", 13, "\r"));
    assert_eq!(tab.evaluate("location.pathname + location.search"), sighting("v1"));
    assert_eq!(tab.evaluate("document.querySelector('h1').innerText"), format!("{REGISTRY}/{REPOSITORY}:v1"));
    assert_eq!(tab.complaints(), [] as [Value; 0]);
    // And back.
    tab.until_loaded(|tab| drop(tab.evaluate("document.querySelector('header a').click()")));
    assert_eq!(tab.evaluate("location.pathname"), "/");
}

#[tokio::test]
async fn a_keyboard_is_enough_and_what_is_focused_is_seen() {
    let (scene, mut tab) = (scene().await, Tab::open());
    tab.show_at(390, "light");
    tab.go(&scene.instance.at("/"));
    let mut reached = Vec::new();
    for _ in 0..4 {
        tab.press("Tab", 9, "");
        let focused = tab.evaluate(
            "(() => { const one = document.activeElement, box = one.getBoundingClientRect(); return {
                name: one.innerText || one.id, outline: getComputedStyle(one).outlineStyle,
                visible: box.left >= 0 && box.width > 0 }; })()",
        );
        assert_eq!((&focused["outline"], &focused["visible"]), (&json!("solid"), &json!(true)), "{focused}");
        reached.push(focused["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(reached, ["Skip to the content", "tlogistry", "tag", "Look up"]);
}

#[tokio::test]
async fn no_script_runs_even_if_one_came_in() {
    let (scene, mut tab) = (scene().await, Tab::open());
    for (_, url) in pages(&scene.instance) {
        tab.go(&url);
        let script = "const script = document.createElement('script'); script.text = 'window.came = true';
            document.body.append(script); String(window.came)";
        assert_eq!(tab.evaluate(script), "undefined", "{url}");
        // The browser did see it.
        assert!(tab.complaints().iter().any(|one| one.to_string().contains("script-src")), "{url}");
    }
}

/// A command is copied as one line, however many it takes on a phone.
#[tokio::test]
async fn commands_are_copied_as_they_are_run() {
    let (scene, mut tab) = (scene().await, Tab::open());
    tab.show_at(390, "light");
    tab.go(&scene.instance.at("/"));
    let copied =
        tab.evaluate("getSelection().selectAllChildren(document.querySelector('pre')), String(getSelection())");
    let host = &scene.instance.address;
    let lines = format!("docker pull {host}/alpine:3.16.0\ndocker pull {host}/ghcr.io/org/app:v1");
    assert_eq!(copied.as_str().unwrap().trim_end(), lines);
}
