//! The auditor of an instance that demands witnesses: a head counts only with their cosignatures.

use serde_json::json;
use testing::witness::Witness;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_finishes_only_under_a_head_that_the_policy_counts() {
    let (scene, witness) = (Scene::v2().await, Witness::new("w.test"));
    scene.seen("v1").await;
    let policy = format!("witness w {}\nquorum w\n", witness.vkey());
    let auditor = scene.auditor_with(&[("WITNESS_POLICY", &policy)]).await;
    for size in [1, 2] {
        let ran = scene.run(&auditor);
        ran.assert("unfinished", 0);
        let why = "log 127.0.0.1 does not count by the witnesses' policy: its checkpoint is not cosigned as the policy \
                   demands: the quorum 'w' is not met (w did not cosign)";
        assert_eq!(ran.answer["reason"], why);
        // The log's signed head must lead to its next one all the same.
        let state = scene.state().await;
        let head = state["checkpoints"][0].as_str().unwrap();
        assert!(head.starts_with(&format!("127.0.0.1\n{size}\n")), "{head}");
        assert_eq!(state.get("readings"), None, "nothing was read");
        scene.seen(&format!("more{size}")).await;
    }
    scene.log.is_cosigned(move |note| witness.cosign(note, 1_778_700_214));
    scene.run(&auditor).assert("complete", 3);
    let state = scene.state().await;
    let kept = state["readings"].as_object().unwrap().values().next().unwrap();
    assert_eq!(json!([kept["ended"]["holds"], kept["ended"]["size"]]), json!([true, 3]));
    assert!(kept["checkpoint"].as_str().unwrap().contains("\n— w.test "), "{kept}");
    assert_eq!(scene.told().await, []);
}
