use otari_store::testing::databases;
use otari_store::workspace_mcp_servers::{
    McpServerPatch, NewMcpServer, count, delete, get, insert, list, update,
};
use otari_store::{Page, StoreError};

#[tokio::test]
async fn a_server_belongs_to_one_workspace() {
    for db in databases().await {
        let mine = insert(
            &db,
            &NewMcpServer::of("w1", "docs", "https://docs.test/mcp"),
        )
        .await
        .unwrap();
        let again = insert(&db, &NewMcpServer::of("w1", "docs", "https://else.test")).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })));
        insert(&db, &NewMcpServer::of("w2", "docs", "https://theirs.test"))
            .await
            .unwrap();
        assert_eq!(count(&db, "w1").await.unwrap(), 1);
        assert_eq!(get(&db, "w1", &mine.id).await.unwrap(), Some(mine.clone()));
        assert_eq!(get(&db, "w2", &mine.id).await.unwrap(), None);
        let patch = McpServerPatch::default();
        assert!(matches!(
            update(&db, "w2", &mine.id, &patch).await,
            Err(StoreError::NotFound)
        ));
        assert!(matches!(
            delete(&db, "w2", &mine.id).await,
            Err(StoreError::NotFound)
        ));
        delete(&db, "w1", &mine.id).await.unwrap();
        assert_eq!(list(&db, "w1", &Page::all()).await.unwrap(), []);
        db.finish().await;
    }
}

#[tokio::test]
async fn a_patch_keeps_what_it_does_not_name_and_clears_what_it_nulls() {
    for db in databases().await {
        let server = NewMcpServer {
            sealed_token: Some("otari1.sealed".to_owned()),
            purpose_hint: Some("docs".to_owned()),
            allowed_tools: Some(vec!["read".to_owned()]),
            ..NewMcpServer::of("w", "docs", "https://docs.test/mcp")
        };
        let stored = insert(&db, &server).await.unwrap();
        assert_eq!(stored.allowed_tools, server.allowed_tools);
        let patch = McpServerPatch {
            purpose_hint: Some(None),
            allowed_tools: Some(None),
            enabled: Some(false),
            ..McpServerPatch::default()
        };
        let changed = update(&db, "w", &stored.id, &patch).await.unwrap();
        assert_eq!(changed.sealed_token, stored.sealed_token);
        assert_eq!(
            (changed.purpose_hint, changed.allowed_tools, changed.enabled),
            (None, None, false)
        );
        db.finish().await;
    }
}
