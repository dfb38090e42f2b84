//! What the learned router was taught: requests whose answers were judged.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otari_types::{Timestamp, UserId, new_id};

use crate::sql::{MultiRow, Query, Row};
use crate::tx::Tx;
use crate::{Change, Store, StoreError};

const TABLE: &str = "routing_memory";

/// A judged request.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub task_id: Option<String>,
    /// What made the embedding: only those of one model can be compared.
    pub embedding_model: String,
    pub embedding: Vec<f32>,
    /// `instance:model` → how good its answer was, from 0 to 1.
    pub scores: BTreeMap<String, f64>,
    /// Who judged, as the teacher says.
    pub label_source: String,
}

/// How much a user's router was taught of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// `None`: what belongs to no task.
    pub task_id: Option<String>,
    pub records: i64,
}

static INSERT: LazyLock<MultiRow> = LazyLock::new(|| {
    let head = "INSERT INTO routing_memory (id, user_id, task_id, embedding_model, embedding, scores, label_source, \
                created_at) VALUES ";
    MultiRow::values(head, 8, "")
});

/// Adds to what a user's router knows, all or nothing. `keep`: of each user, the newest; 0 for all of them.
/// [`StoreError::Missing`] when the user is unknown.
pub async fn add(
    store: &Store,
    user: &UserId,
    judged: &[Judged],
    keep: u32,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    insert(&mut tx, user, judged, store.now())
        .await
        .map_err(|error| error.or_conflict("routing example", "user"))?;
    if keep > 0 {
        let text = "DELETE FROM routing_memory WHERE user_id = $1 AND id NOT IN \
                    (SELECT id FROM routing_memory WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)";
        let evict = Query::new(TABLE, text).bind(user).bind(i64::from(keep));
        tx.execute(evict).await?;
    }
    tx.notify(&Change::Examples(user.clone())).await?;
    tx.commit().await
}

async fn insert(
    tx: &mut Tx,
    user: &UserId,
    judged: &[Judged],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (text, rows) in INSERT.cut(tx.engine(), judged) {
        let mut query = Query::new(TABLE, text);
        for row in rows {
            let embedding: Vec<u8> = row
                .embedding
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            query = query
                .bind(new_id())
                .bind(user)
                .bind(row.task_id.clone())
                .bind(&row.embedding_model)
                .bind(STANDARD.encode(embedding))
                .bind(serde_json::to_string(&row.scores).unwrap_or_default())
                .bind(&row.label_source)
                .bind(now);
        }
        tx.execute(query).await?;
    }
    Ok(())
}

/// All that can be compared with an embedding of this model.
pub async fn of(
    store: &Store,
    user: &UserId,
    embedding_model: &str,
) -> Result<Vec<Judged>, StoreError> {
    let text = "SELECT * FROM routing_memory WHERE user_id = $1 AND embedding_model = $2 ORDER BY created_at, id";
    let query = Query::new(TABLE, text).bind(user).bind(embedding_model);
    store.rows(query).await?.iter().map(read).collect()
}

/// How much there is of each task, what belongs to none first.
pub async fn pools(
    store: &Store,
    user: &UserId,
    embedding_model: &str,
) -> Result<Vec<Pool>, StoreError> {
    let text = "SELECT task_id, COUNT(*) AS records FROM routing_memory WHERE user_id = $1 AND embedding_model = $2 \
                GROUP BY task_id ORDER BY COALESCE(task_id, '')";
    let query = Query::new(TABLE, text).bind(user).bind(embedding_model);
    let read = |row: &Row| {
        Ok(Pool {
            task_id: row.opt("task_id")?,
            records: row.get("records")?,
        })
    };
    store.rows(query).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Judged, StoreError> {
    let text: String = row.get("embedding")?;
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| row.corrupt("embedding"))?;
    let numbers = bytes.as_chunks().0.iter();
    Ok(Judged {
        task_id: row.opt("task_id")?,
        embedding_model: row.get("embedding_model")?,
        embedding: numbers.map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        scores: row.json("scores")?.ok_or_else(|| row.corrupt("scores"))?,
        label_source: row.get("label_source")?,
    })
}
