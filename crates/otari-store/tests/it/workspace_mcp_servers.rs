use otari_store::testing::databases;
use otari_store::workspace_mcp_servers::{
    McpServerPatch, McpServerRow, NewMcpServer, count, delete, get, list, update,
};
use otari_store::{Page, Store, StoreError, workspace_mcp_servers};

const MAX: i64 = 50;

async fn insert(store: &Store, server: &NewMcpServer) -> Result<McpServerRow, StoreError> {
    let stored = workspace_mcp_servers::insert(store, server, MAX).await?;
    stored.ok_or(StoreError::NotFound)
}

/// From two processes, where the database can have two.
#[tokio::test]
async fn no_more_are_stored_than_a_workspace_may_have_whoever_stores_at_the_same_time() {
    const MAX: i64 = 5;
    for db in databases().await {
        let beside = db.another_store().await;
        let storing = (0..20).map(|n| {
            let store = if n % 2 == 0 {
                db.store.clone()
            } else {
                beside.clone()
            };
            let server = NewMcpServer::of("w", &format!("s{n}"), "https://docs.test/mcp");
            tokio::spawn(async move {
                let stored = workspace_mcp_servers::insert(&store, &server, MAX).await;
                stored.unwrap().is_some()
            })
        });
        let mut stored = 0;
        for storing in storing.collect::<Vec<_>>() {
            stored += i64::from(storing.await.unwrap());
        }
        assert_eq!((stored, count(&db, "w").await.unwrap()), (MAX, MAX));
        let other = NewMcpServer::of("w2", "s", "https://docs.test/mcp");
        assert!(
            workspace_mcp_servers::insert(&db, &other, MAX)
                .await
                .unwrap()
                .is_some()
        );
        beside.close().await;
        db.finish().await;
    }
}

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
