use otari_store::StoreError;
use otari_store::model_aliases::ALIASES;
use otari_store::testing::databases;
use otari_store::users;
use otari_types::UserId;

#[tokio::test]
async fn an_alias_is_one_per_name_and_user() {
    for db in databases().await {
        let ada = UserId::from("ada");
        users::ensure(&db, &ada, None).await.unwrap();
        ALIASES
            .set(&db, "fast", "openai:gpt-5", None)
            .await
            .unwrap();
        let own = ALIASES
            .set(&db, "fast", "groq:llama", Some(&ada))
            .await
            .unwrap();
        let changed = ALIASES
            .set(&db, "fast", "openai:gpt-6", None)
            .await
            .unwrap();
        assert_eq!(changed.target, "openai:gpt-6");
        assert_eq!(ALIASES.list(&db).await.unwrap(), [changed, own]);
        ALIASES.delete(&db, "fast", None).await.unwrap();
        assert_eq!(
            ALIASES.list(&db).await.unwrap().len(),
            1,
            "the user's own stays"
        );
        assert!(matches!(
            ALIASES.delete(&db, "fast", None).await,
            Err(StoreError::NotFound)
        ));
        let nobody = ALIASES
            .set(&db, "fast", "a:b", Some(&UserId::from("nobody")))
            .await;
        assert!(matches!(nobody, Err(StoreError::Missing { what: "user" })));
        db.finish().await;
    }
}
