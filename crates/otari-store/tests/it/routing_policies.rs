use otari_store::StoreError;
use otari_store::routing_policies::POLICIES;
use otari_store::testing::databases;
use otari_store::users;
use otari_types::UserId;

#[tokio::test]
async fn a_policy_is_one_per_name_and_user_and_keeps_its_id_under_a_new_name() {
    for db in databases().await {
        let ada = UserId::from("ada");
        users::ensure(&db, &ada, None).await.unwrap();
        let shared = POLICIES.set(&db, "best", "{}", None).await.unwrap();
        let own = POLICIES.set(&db, "best", "{}", Some(&ada)).await.unwrap();
        let changed = POLICIES.set(&db, "best", r#"{"a":1}"#, None).await.unwrap();
        assert_eq!(
            (&changed.id, changed.spec.as_str()),
            (&shared.id, r#"{"a":1}"#)
        );

        POLICIES.set(&db, "other", "{}", None).await.unwrap();
        let taken = POLICIES.rename(&db, "best", "other", "{}", None).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })));
        let renamed = POLICIES
            .rename(&db, "best", "finest", r#"{"b":2}"#, None)
            .await
            .unwrap();
        assert_eq!(
            (renamed.id, renamed.created_at, renamed.name.as_str()),
            (shared.id, shared.created_at, "finest")
        );
        let gone = POLICIES.rename(&db, "best", "again", "{}", None).await;
        assert!(matches!(gone, Err(StoreError::NotFound)));

        POLICIES.delete(&db, "other", None).await.unwrap();
        POLICIES.delete(&db, "finest", None).await.unwrap();
        assert_eq!(
            POLICIES.list(&db).await.unwrap(),
            [own],
            "the user's own stays"
        );
        assert!(matches!(
            POLICIES.delete(&db, "finest", None).await,
            Err(StoreError::NotFound)
        ));
        let nobody = POLICIES
            .set(&db, "best", "{}", Some(&UserId::from("nobody")))
            .await;
        assert!(matches!(nobody, Err(StoreError::Missing { what: "user" })));
        db.finish().await;
    }
}
