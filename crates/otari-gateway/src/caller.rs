//! Who is calling: a virtual key with its owner, or the operator. Read without locks, dropped on write.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use moka::sync::Cache;
use otari_store::api_keys::KeyWithUser;
use otari_store::{Store, api_keys};
use otari_types::{AccountId, KeyId, Timestamp, UserId};

use crate::allow_list::AllowList;
use crate::credentials::Credential;
use crate::error::GatewayError;
use crate::tools::ToolList;

/// Most callers kept in memory; the least used are read again from the database.
const CALLERS_MAX: u64 = 100_000;
/// `last_used_at` is written at most this often per key.
const LAST_USED_EVERY_SECS: i64 = 300;

/// A virtual key and what follows from it and its owner.
#[derive(Debug)]
pub struct Caller {
    pub key_id: KeyId,
    pub user_id: UserId,
    /// What its calls charge, in the order they are held.
    pub accounts: Vec<AccountId>,
    /// `None`: any model. The key's own list, else its owner's.
    pub allowed: Option<AllowList>,
    /// `None`: any tool.
    pub allowed_tools: Option<ToolList>,
    /// `None`: the deployment's only one.
    pub workspace: Option<String>,
    pub exclude_from_budget: bool,
    /// `None`: the deployment's setting.
    pub reject_user_mismatch: Option<bool>,
    pub blocked: bool,
    is_active: bool,
    expires_at: Option<Timestamp>,
    last_used: AtomicI64,
}

#[derive(Debug)]
pub struct Callers {
    store: Store,
    by_hash: Cache<[u8; 32], Arc<Caller>>,
    /// Of keys whose calls the gateway makes for them.
    by_id: Cache<KeyId, Arc<Caller>>,
    /// Keys whose `last_used_at` is due; a background task writes them together.
    used: tokio::sync::mpsc::UnboundedSender<KeyId>,
}

impl Callers {
    pub fn new(store: Store, used: tokio::sync::mpsc::UnboundedSender<KeyId>) -> Self {
        let by_hash = Cache::builder()
            .max_capacity(CALLERS_MAX)
            .support_invalidation_closures();
        let by_id = Cache::builder()
            .max_capacity(CALLERS_MAX)
            .support_invalidation_closures();
        Self {
            store,
            by_hash: by_hash.build(),
            by_id: by_id.build(),
            used,
        }
    }

    /// The caller behind a credential. Known keys need no database.
    pub async fn identify(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Arc<Caller>, GatewayError> {
        let caller = match self.by_hash.get(&credential.hash) {
            Some(caller) => caller,
            None => self.read(&credential.hash).await?,
        };
        self.checked(caller, now)
    }

    /// The caller whose key has this id.
    pub(crate) async fn by_id(
        &self,
        key: &KeyId,
        now: Timestamp,
    ) -> Result<Arc<Caller>, GatewayError> {
        if let Some(caller) = self.by_id.get(key) {
            return self.checked(caller, now);
        }
        let row = api_keys::find_by_id(&self.store, key).await?;
        let caller = caller(row)?;
        self.by_id.insert(key.clone(), Arc::clone(&caller));
        self.checked(caller, now)
    }

    fn checked(&self, caller: Arc<Caller>, now: Timestamp) -> Result<Arc<Caller>, GatewayError> {
        if !caller.is_active {
            return Err(GatewayError::InactiveKey);
        }
        if caller.expires_at.is_some_and(|expiry| expiry < now) {
            return Err(GatewayError::ExpiredKey);
        }
        self.note_use(&caller, now);
        Ok(caller)
    }

    pub fn forget_key(&self, key: &KeyId) {
        let key = key.clone();
        self.forget_if(move |caller| caller.key_id == key);
    }

    pub fn forget_user(&self, user: &UserId) {
        let user = user.clone();
        self.forget_if(move |caller| caller.user_id == user);
    }

    pub fn forget_all(&self) {
        self.by_hash.invalidate_all();
        self.by_id.invalidate_all();
    }

    fn forget_if(&self, predicate: impl Fn(&Caller) -> bool + Clone + Send + Sync + 'static) {
        let same = predicate.clone();
        let by_hash = self
            .by_hash
            .invalidate_entries_if(move |_, caller| predicate(caller));
        let by_id = self
            .by_id
            .invalidate_entries_if(move |_, caller| same(caller));
        // The builders support closures, so this cannot be refused; forgetting everything is always correct.
        if by_hash.is_err() || by_id.is_err() {
            self.forget_all();
        }
    }

    async fn read(&self, hash: &[u8; 32]) -> Result<Arc<Caller>, GatewayError> {
        let row = api_keys::find_by_hash(&self.store, hash)
            .await
            .map_err(|error| {
                tracing::error!(%error, "an API key could not be looked up");
                GatewayError::AuthUnavailable
            })?;
        let caller = caller(row)?;
        self.by_hash.insert(*hash, Arc::clone(&caller));
        Ok(caller)
    }

    fn note_use(&self, caller: &Caller, now: Timestamp) {
        let last = caller.last_used.load(Ordering::Relaxed);
        let due = now.as_secs() - last >= LAST_USED_EVERY_SECS;
        let mine = || {
            let swapped = caller.last_used.compare_exchange(
                last,
                now.as_secs(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            swapped.is_ok()
        };
        if due && mine() {
            // Only fails when the process is shutting down.
            let _ = self.used.send(caller.key_id.clone());
        }
    }
}

fn caller(row: Option<KeyWithUser>) -> Result<Arc<Caller>, GatewayError> {
    let row = row.ok_or(GatewayError::InvalidKey)?;
    let user_id = row.key.user_id.clone().ok_or(GatewayError::InvalidKey)?;
    Ok(Arc::new(Caller {
        key_id: row.key.id.clone(),
        accounts: vec![AccountId::of_user(&user_id)],
        user_id,
        allowed: row
            .key
            .allowed_models
            .or(row.user_allowed_models)
            .map(AllowList::new),
        allowed_tools: row.key.allowed_tools.map(ToolList::new),
        workspace: row.key.workspace_id,
        exclude_from_budget: row.key.exclude_from_budget,
        reject_user_mismatch: row.key.reject_user_mismatch,
        blocked: row.user_blocked,
        is_active: row.key.is_active && !row.user_deleted,
        expires_at: row.key.expires_at,
        last_used: AtomicI64::new(row.key.last_used_at.map_or(0, Timestamp::as_secs)),
    }))
}
