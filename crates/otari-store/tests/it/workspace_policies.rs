use otari_store::testing::databases;
use otari_store::workspace_code_execution_policies::{self as code, CodeExecutionPolicy};
use otari_store::workspace_web_search_policies::{self as web, WebSearchPolicy};

#[tokio::test]
async fn a_code_execution_policy_is_replaced_as_a_whole() {
    for db in databases().await {
        assert_eq!(code::get(&db, "w").await.unwrap(), None);
        let first = CodeExecutionPolicy {
            enabled: true,
            default_purpose_hint: Some("sums".to_owned()),
            max_iterations: Some(3),
            exec_timeout_s: Some(20),
            tools: Some(vec!["python".to_owned()]),
        };
        let created = code::set(&db, "w", &first).await.unwrap();
        assert_eq!(created.policy, first);
        let second = CodeExecutionPolicy {
            enabled: false,
            default_purpose_hint: None,
            max_iterations: None,
            exec_timeout_s: None,
            tools: None,
        };
        code::set(&db, "w", &second).await.unwrap();
        assert_eq!(code::get(&db, "w").await.unwrap().unwrap().policy, second);
        assert_eq!(code::get(&db, "other").await.unwrap(), None);
        code::clear(&db, "w").await.unwrap();
        code::clear(&db, "w").await.unwrap();
        assert_eq!(code::get(&db, "w").await.unwrap(), None);
        db.finish().await;
    }
}

#[tokio::test]
async fn a_web_search_policy_is_replaced_as_a_whole() {
    for db in databases().await {
        let first = WebSearchPolicy {
            enabled: true,
            max_results: Some(3),
            purpose_hint: Some("news".to_owned()),
            allowed_domains: Some(vec!["example.com".to_owned()]),
            blocked_domains: Some(Vec::new()),
            provider_options: serde_json::from_str(r#"{"type":"auto"}"#).unwrap(),
        };
        assert_eq!(web::set(&db, "w", &first).await.unwrap().policy, first);
        let second = WebSearchPolicy {
            enabled: false,
            max_results: None,
            purpose_hint: None,
            allowed_domains: None,
            blocked_domains: None,
            provider_options: None,
        };
        web::set(&db, "w", &second).await.unwrap();
        assert_eq!(web::get(&db, "w").await.unwrap().unwrap().policy, second);
        web::clear(&db, "w").await.unwrap();
        assert_eq!(web::get(&db, "w").await.unwrap(), None);
        db.finish().await;
    }
}
