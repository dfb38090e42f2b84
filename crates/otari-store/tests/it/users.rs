use otari_metering::Cadence;
use otari_store::api_keys::{self, NewKey};
use otari_store::testing::{EPOCH, databases};
use otari_store::users::{self, NewUser, UserPatch};
use otari_store::{Cursor, Page, StoreError, accounts};
use otari_types::{AccountId, Amounts, BudgetId, KeyId, NodeId, UserId};

use crate::accounts::limits;
use crate::budgets::budget;
use crate::{amounts, charged};

fn named(id: &str) -> NewUser {
    NewUser::of(UserId::from(id))
}

#[tokio::test]
async fn a_user_reads_back_as_created_and_is_created_once() {
    for db in databases().await {
        let budget = budget(&db, limits(Some(5), None, None), Cadence::CalendarDay).await;
        let new = NewUser {
            alias: Some("Ada".to_owned()),
            budget_id: Some(budget.clone()),
            blocked: true,
            allowed_models: Some(vec!["openai:*".to_owned()]),
            metadata: r#"{"team":"x"}"#.to_owned(),
            ..named("ada")
        };
        let created = users::create(&db, &new).await.unwrap();
        assert_eq!(
            users::get(&db, &new.user_id).await.unwrap().unwrap(),
            created
        );
        assert_eq!(created.alias, new.alias);
        assert_eq!(created.budget_id, new.budget_id);
        assert_eq!(created.allowed_models, new.allowed_models);
        assert_eq!(created.metadata, new.metadata);
        assert!(created.blocked);
        assert_eq!((created.created_at, created.deleted_at), (EPOCH, None));
        assert_eq!(
            (created.period_start, created.period_end),
            (Some(EPOCH), Some(EPOCH.plus_secs(86_400)))
        );
        assert!(matches!(
            users::create(&db, &new).await,
            Err(StoreError::Conflict { what: "user" })
        ));
        let orphan = NewUser {
            budget_id: Some(BudgetId::from("none")),
            ..named("bob")
        };
        assert!(matches!(
            users::create(&db, &orphan).await,
            Err(StoreError::Missing { what: "budget" })
        ));
        assert_eq!(
            users::get(&db, &orphan.user_id).await.unwrap(),
            None,
            "nothing of it stays"
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn deleting_hides_the_user_stops_its_keys_and_reviving_starts_at_zero() {
    for db in databases().await {
        let id = UserId::from("ada");
        users::create(&db, &named("ada")).await.unwrap();
        let key = NewKey {
            user_id: Some(id.clone()),
            ..NewKey::of(KeyId::from("k"), &[1; 32], "gw-secret")
        };
        api_keys::insert(&db, &key).await.unwrap();
        let account = AccountId::of_user(&id);
        accounts::settle(
            &db,
            &NodeId::from("n"),
            &[charged(&account, amounts(9, 9, 1))],
        )
        .await
        .unwrap();
        assert_eq!(
            users::get(&db, &id).await.unwrap().unwrap().settled,
            amounts(9, 9, 1)
        );

        users::soft_delete(&db, &id).await.unwrap();
        assert_eq!(users::get(&db, &id).await.unwrap(), None);
        assert_eq!(users::list(&db, &Page::all()).await.unwrap(), vec![]);
        assert!(matches!(
            users::soft_delete(&db, &id).await,
            Err(StoreError::NotFound)
        ));
        assert!(matches!(
            users::patch(&db, &id, &UserPatch::default()).await,
            Err(StoreError::NotFound)
        ));
        let found = api_keys::find_by_hash(&db, &[1; 32])
            .await
            .unwrap()
            .unwrap();
        assert!(found.user_deleted && !found.key.is_active);
        assert!(
            users::ensure(&db, &id, None)
                .await
                .unwrap()
                .deleted_at
                .is_some()
        );

        let revived = users::create(&db, &named("ada")).await.unwrap();
        assert_eq!((revived.settled, revived.deleted_at), (Amounts::ZERO, None));
        users::soft_delete(&db, &id).await.unwrap();
        assert_eq!(users::undelete(&db, &id).await.unwrap().deleted_at, None);
        db.finish().await;
    }
}

#[tokio::test]
async fn a_patch_changes_only_what_it_names_and_moves_the_window_with_the_budget() {
    for db in databases().await {
        let budget = budget(&db, limits(None, None, Some(3)), Cadence::Rolling(100)).await;
        let id = UserId::from("ada");
        users::create(
            &db,
            &NewUser {
                alias: Some("Ada".to_owned()),
                ..named("ada")
            },
        )
        .await
        .unwrap();
        db.clock.advance_secs(10);
        let attach = UserPatch {
            budget_id: Some(Some(budget.clone())),
            ..UserPatch::default()
        };
        let user = users::patch(&db, &id, &attach).await.unwrap();
        let start = EPOCH.plus_secs(10);
        assert_eq!(user.alias.as_deref(), Some("Ada"));
        assert_eq!(
            (user.period_start, user.period_end),
            (Some(start), Some(start.plus_secs(100)))
        );
        assert_eq!(user.updated_at, start);

        let block = UserPatch {
            blocked: Some(true),
            alias: Some(None),
            ..UserPatch::default()
        };
        let user = users::patch(&db, &id, &block).await.unwrap();
        assert_eq!(
            (user.blocked, user.alias, user.budget_id),
            (true, None, Some(budget))
        );

        let detach = UserPatch {
            budget_id: Some(None),
            ..UserPatch::default()
        };
        let user = users::patch(&db, &id, &detach).await.unwrap();
        assert_eq!(
            (user.budget_id, user.period_start, user.period_end),
            (None, None, None)
        );
        let models = UserPatch {
            allowed_models: Some(Some(vec![])),
            ..UserPatch::default()
        };
        assert_eq!(
            users::patch(&db, &id, &models)
                .await
                .unwrap()
                .allowed_models,
            Some(vec![])
        );
        let any = UserPatch {
            allowed_models: Some(None),
            ..UserPatch::default()
        };
        assert_eq!(
            users::patch(&db, &id, &any).await.unwrap().allowed_models,
            None
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn many_may_ensure_the_same_user_at_once() {
    for db in databases().await {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let store = db.store.clone();
            tasks.spawn(async move {
                users::ensure(&store, &UserId::from("default"), Some("Default")).await
            });
        }
        for user in tasks.join_all().await {
            assert_eq!(user.unwrap().alias.as_deref(), Some("Default"));
        }
        assert_eq!(users::count(&db).await.unwrap(), 1);
        db.finish().await;
    }
}

#[tokio::test]
async fn pages_by_position_and_by_cursor_see_every_user_once() {
    for db in databases().await {
        let ids: Vec<String> = (0..7).map(|n| format!("u{n}")).collect();
        for (n, id) in ids.iter().enumerate() {
            // Some share a moment: the id decides.
            if n % 2 == 0 {
                db.clock.advance_secs(1);
            }
            users::create(&db, &named(id)).await.unwrap();
        }
        let (mut skipped, mut followed, mut page) = (Vec::new(), Vec::new(), Page::skip(0, 3));
        for start in (0..9).step_by(3) {
            let users = users::list(&db, &Page::skip(start, 3)).await.unwrap();
            skipped.extend(users.into_iter().map(|user| user.user_id.to_string()));
            let users = users::list(&db, &page).await.unwrap();
            if let Some(last) = users.last() {
                let cursor = Cursor::new(last.created_at, last.user_id.as_str()).to_string();
                page = Page::after(Cursor::parse(&cursor).unwrap(), 3);
            }
            followed.extend(users.into_iter().map(|user| user.user_id.to_string()));
        }
        assert_eq!(skipped, ids);
        assert_eq!(followed, ids);
        db.finish().await;
    }
}
