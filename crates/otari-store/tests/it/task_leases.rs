use otari_store::task_leases::take;
use otari_store::testing::databases;
use otari_types::{Clock, NodeId};

#[tokio::test]
async fn one_node_has_a_task_until_its_lease_ends() {
    for db in databases().await {
        let (one, two) = (NodeId::from("one"), NodeId::from("two"));
        let until = db.clock.now().plus_secs(60);
        assert!(take(&db, "sweep", &one, until).await.unwrap());
        assert!(!take(&db, "sweep", &two, until).await.unwrap());
        assert!(take(&db, "other", &two, until).await.unwrap());
        db.clock.advance_secs(59);
        let renewed = db.clock.now().plus_secs(60);
        assert!(take(&db, "sweep", &one, renewed).await.unwrap());
        db.clock.advance_secs(59);
        assert!(!take(&db, "sweep", &two, renewed).await.unwrap());
        db.clock.advance_secs(1);
        let until = db.clock.now().plus_secs(60);
        assert!(take(&db, "sweep", &two, until).await.unwrap());
        assert!(!take(&db, "sweep", &one, until).await.unwrap());
        db.finish().await;
    }
}
