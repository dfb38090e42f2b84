use otari_metering::Cadence;
use otari_store::api_keys::{self, KeyFilter, KeyPatch, NewKey};
use otari_store::testing::{Database, EPOCH, databases};
use otari_store::users::{self, NewUser};
use otari_store::{Page, StoreError};
use otari_types::{KeyId, UserId};

use crate::accounts::limits;
use crate::budgets::budget;

async fn owned(db: &Database, id: &str, hash: u8, user: &str) -> NewKey {
    let user = UserId::from(user);
    users::ensure(db, &user, None).await.unwrap();
    let key = NewKey {
        user_id: Some(user),
        ..NewKey::of(
            KeyId::from(id),
            &[hash; 32],
            "gw-abcdefghijklmnopqrstuvwxyz",
        )
    };
    api_keys::insert(db, &key).await.unwrap();
    key
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_with_what_admission_needs() {
    for db in databases().await {
        let budget = budget(&db, limits(Some(1), None, None), Cadence::None).await;
        let user = NewUser {
            alias: Some("Ada".to_owned()),
            blocked: true,
            allowed_models: Some(vec!["a:b".to_owned()]),
            budget_id: Some(budget.clone()),
            ..NewUser::of(UserId::from("ada"))
        };
        users::create(&db, &user).await.unwrap();
        let key = NewKey {
            key_name: Some("ci".to_owned()),
            expires_at: Some(EPOCH.plus_secs(5)),
            exclude_from_budget: true,
            reject_user_mismatch: Some(false),
            allowed_models: Some(vec![]),
            metadata: r#"{"a":1}"#.to_owned(),
            ..owned(&db, "k0", 1, "ada").await
        };
        let key = NewKey {
            id: KeyId::from("k1"),
            hash: [2; 32],
            ..key
        };
        let stored = api_keys::insert(&db, &key).await.unwrap();
        let found = api_keys::find_by_hash(&db, &[2; 32])
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.key, stored);
        assert_eq!(stored.key_prefix.as_deref(), Some("gw-abcdefg"));
        assert_eq!(stored.key_suffix.as_deref(), Some("wxyz"));
        assert_eq!(stored.expires_at, key.expires_at);
        assert_eq!(
            (stored.reject_user_mismatch, stored.capture_agent_telemetry),
            (Some(false), None)
        );
        assert_eq!(
            (stored.allowed_models, stored.metadata),
            (Some(vec![]), key.metadata)
        );
        assert!(stored.exclude_from_budget && stored.is_active);
        assert!(found.user_blocked && !found.user_deleted);
        assert_eq!(
            (found.user_alias, found.user_budget_id),
            (user.alias, Some(budget))
        );
        assert_eq!(found.user_allowed_models, user.allowed_models);
        assert_eq!(api_keys::find_by_hash(&db, &[9; 32]).await.unwrap(), None);
        db.finish().await;
    }
}

#[tokio::test]
async fn the_same_secret_or_an_unknown_owner_is_refused() {
    for db in databases().await {
        let key = owned(&db, "k1", 1, "ada").await;
        let same = NewKey {
            id: KeyId::from("k2"),
            ..key.clone()
        };
        assert!(matches!(
            api_keys::insert(&db, &same).await,
            Err(StoreError::Conflict { .. })
        ));
        let orphan = NewKey {
            id: KeyId::from("k3"),
            hash: [3; 32],
            user_id: Some(UserId::from("nobody")),
            ..key
        };
        assert!(matches!(
            api_keys::insert(&db, &orphan).await,
            Err(StoreError::Missing { what: "user" })
        ));
        assert_eq!(api_keys::count(&db).await.unwrap(), 1);
        db.finish().await;
    }
}

#[tokio::test]
async fn an_update_clears_sets_or_leaves() {
    for db in databases().await {
        let id = owned(&db, "k", 1, "ada").await.id;
        let before = api_keys::get(&db, &id).await.unwrap().unwrap();
        assert_eq!(
            api_keys::update(&db, &id, &KeyPatch::default())
                .await
                .unwrap(),
            before
        );
        let patch = KeyPatch {
            key_name: Some(Some("n".to_owned())),
            expires_at: Some(Some(EPOCH)),
            reject_user_mismatch: Some(Some(true)),
            allowed_models: Some(Some(vec!["x:*".to_owned()])),
            is_active: Some(false),
            ..KeyPatch::default()
        };
        let key = api_keys::update(&db, &id, &patch).await.unwrap();
        assert_eq!(
            (key.key_name.as_deref(), key.expires_at, key.is_active),
            (Some("n"), Some(EPOCH), false)
        );
        let clear = KeyPatch {
            expires_at: Some(None),
            reject_user_mismatch: Some(None),
            allowed_models: Some(None),
            is_active: Some(true),
            key_name: Some(None),
            ..KeyPatch::default()
        };
        assert_eq!(api_keys::update(&db, &id, &clear).await.unwrap(), before);
        let stranger = KeyPatch {
            user_id: Some(UserId::from("nobody")),
            ..KeyPatch::default()
        };
        assert!(matches!(
            api_keys::update(&db, &id, &stranger).await,
            Err(StoreError::Missing { .. })
        ));
        let unknown = api_keys::update(&db, &KeyId::from("none"), &clear).await;
        assert!(matches!(unknown, Err(StoreError::NotFound)));
        db.finish().await;
    }
}

#[tokio::test]
async fn rotation_kills_the_old_secret_and_deletion_the_key() {
    for db in databases().await {
        let id = owned(&db, "k", 1, "ada").await.id;
        db.clock.advance_secs(7);
        api_keys::touch_last_used(&db, &[id.clone(), KeyId::from("none")])
            .await
            .unwrap();
        let used = api_keys::get(&db, &id).await.unwrap().unwrap();
        assert_eq!(used.last_used_at, Some(EPOCH.plus_secs(7)));
        let rotated = api_keys::rotate(&db, &id, &[2; 32], "gw-ZYXWVUTSRQ")
            .await
            .unwrap();
        assert_eq!(
            (rotated.last_used_at, rotated.key_suffix.as_deref()),
            (None, Some("TSRQ"))
        );
        assert_eq!(api_keys::find_by_hash(&db, &[1; 32]).await.unwrap(), None);
        assert!(
            api_keys::find_by_hash(&db, &[2; 32])
                .await
                .unwrap()
                .is_some()
        );
        api_keys::delete(&db, &id).await.unwrap();
        assert_eq!(api_keys::get(&db, &id).await.unwrap(), None);
        assert!(matches!(
            api_keys::delete(&db, &id).await,
            Err(StoreError::NotFound)
        ));
        db.finish().await;
    }
}

#[tokio::test]
async fn a_list_is_oldest_first_and_filters() {
    for db in databases().await {
        for (n, user) in ["ada", "bob", "ada"].into_iter().enumerate() {
            db.clock.advance_secs(1);
            owned(&db, &format!("k{}", 9 - n), u8::try_from(n).unwrap(), user).await;
        }
        let ids = async |filter: KeyFilter, page: Page| -> Vec<String> {
            let keys = api_keys::list(&db, &filter, &page).await.unwrap();
            keys.into_iter().map(|key| key.id.to_string()).collect()
        };
        assert_eq!(
            ids(KeyFilter::default(), Page::all()).await,
            ["k9", "k8", "k7"]
        );
        assert_eq!(ids(KeyFilter::default(), Page::skip(1, 1)).await, ["k8"]);
        let ada = KeyFilter {
            user_id: Some(UserId::from("ada")),
            ..KeyFilter::default()
        };
        assert_eq!(ids(ada, Page::all()).await, ["k9", "k7"]);
        let inactive = KeyFilter {
            is_active: Some(false),
            ..KeyFilter::default()
        };
        assert_eq!(ids(inactive, Page::all()).await, Vec::<String>::new());
        db.finish().await;
    }
}
