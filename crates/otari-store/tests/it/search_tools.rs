use otari_store::StoreError;
use otari_store::search_tools::{
    NewSearchTool, SearchToolPatch, delete, get, insert, list, update,
};
use otari_store::testing::databases;
use otari_types::Timestamp;

fn tool(name: &str) -> NewSearchTool {
    NewSearchTool {
        name: name.to_owned(),
        provider: "exa".to_owned(),
        sealed_key: Some("otari1.sealed".to_owned()),
        key_last4: Some("wxyz".to_owned()),
        timeout_ms: Some(2500),
        options: r#"{"type":"auto"}"#.to_owned(),
        ..NewSearchTool::default()
    }
}

#[tokio::test]
async fn a_search_tool_is_one_per_name_and_changes_member_by_member() {
    for db in databases().await {
        let stored = insert(&db, &tool("web")).await.unwrap();
        assert!(matches!(
            insert(&db, &tool("web")).await,
            Err(StoreError::Conflict { .. })
        ));
        insert(&db, &tool("other")).await.unwrap();
        let patch = SearchToolPatch {
            api_base: Some(Some("https://exa.test".to_owned())),
            sealed_key: Some(None),
            key_last4: Some(None),
            unchanged_since: Some(stored.updated_at),
            ..SearchToolPatch::default()
        };
        let changed = update(&db, "web", &patch).await.unwrap();
        assert_eq!(changed.api_base.as_deref(), Some("https://exa.test"));
        assert_eq!(
            (changed.sealed_key.as_ref(), changed.timeout_ms),
            (None, Some(2500))
        );
        assert_eq!(get(&db, "web").await.unwrap(), Some(changed));
        let names: Vec<String> = list(&db)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.name)
            .collect();
        assert_eq!(names, ["other", "web"]);
        delete(&db, "web").await.unwrap();
        assert!(matches!(
            delete(&db, "web").await,
            Err(StoreError::NotFound)
        ));
        db.finish().await;
    }
}

#[tokio::test]
async fn who_has_not_seen_the_last_change_does_not_undo_it() {
    for db in databases().await {
        insert(&db, &tool("web")).await.unwrap();
        let patch = SearchToolPatch {
            provider: Some("brave".to_owned()),
            unchanged_since: Some(Timestamp(1)),
            ..SearchToolPatch::default()
        };
        assert!(matches!(
            update(&db, "web", &patch).await,
            Err(StoreError::Conflict { .. })
        ));
        assert!(matches!(
            update(&db, "nobody", &patch).await,
            Err(StoreError::NotFound)
        ));
        assert_eq!(get(&db, "web").await.unwrap().unwrap().provider, "exa");
        db.finish().await;
    }
}
