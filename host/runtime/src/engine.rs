//! The one wasmtime engine of a runtime: pooled where the machine has room, epochs on, everything
//! that guests do not need off.

use wasmtime::{Config, Engine, PoolingAllocationConfig};

/// Stack of the guest itself; the rest of [`FIBER_STACK_BYTES`] is left for host functions.
const WASM_STACK_BYTES: usize = 512 << 10;

/// Stack that a run is given in all.
const FIBER_STACK_BYTES: usize = 2 << 20;

/// Core instances of one component: three for a Rust program, some dozens for a linked interpreter.
const CORE_INSTANCES_PER_RUN: u32 = 32;

/// Linear memories of one component.
const MEMORIES_PER_RUN: u32 = 2;

/// Tables of one component.
const TABLES_PER_RUN: u32 = 16;

/// Elements of one table.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// Bytes of wasmtime's own records of one instance; large guests need more than the default.
const INSTANCE_RECORD_BYTES_MAX: usize = 10 << 20;

/// Bytes of a memory that are zeroed in place rather than given back to the system.
const MEMORY_KEPT_BYTES: usize = 1 << 20;

/// Bytes of a table that are zeroed in place.
const TABLE_KEPT_BYTES: usize = 64 << 10;

/// How instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// From slots reserved at the start: fast.
    Pooled,
    /// From the system, one by one: where address space is short.
    OnDemand,
}

/// Builds the engine for at most `instances_max` runs at once, none of whose memories is over
/// `memory_bytes_max`. Falls back to on-demand allocation where the pool cannot be reserved.
pub(crate) fn build(
    instances_max: u32,
    memory_bytes_max: usize,
) -> wasmtime::Result<(Engine, Allocation)> {
    let mut pooled = config();
    pooled.allocation_strategy(pool(instances_max, memory_bytes_max));
    match Engine::new(&pooled) {
        Ok(engine) => Ok((engine, Allocation::Pooled)),
        Err(error) => {
            tracing::warn!(%error, "no room for pooled instances; allocating them on demand");
            Ok((Engine::new(&config())?, Allocation::OnDemand))
        }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(false)
        .concurrency_support(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .wasm_memory64(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false);
    config
}

fn pool(instances_max: u32, memory_bytes_max: usize) -> PoolingAllocationConfig {
    let total = |per_run: u32| instances_max.saturating_mul(per_run);
    let mut pool = PoolingAllocationConfig::new();
    // Every total is the number of runs times what one may have, so that a run which was let in
    // finds its slots.
    pool.total_component_instances(instances_max)
        .total_core_instances(total(CORE_INSTANCES_PER_RUN))
        .total_memories(total(MEMORIES_PER_RUN))
        .total_tables(total(TABLES_PER_RUN))
        .total_stacks(instances_max)
        .max_core_instances_per_component(CORE_INSTANCES_PER_RUN)
        .max_memories_per_component(MEMORIES_PER_RUN)
        .max_tables_per_component(TABLES_PER_RUN)
        .max_memories_per_module(MEMORIES_PER_RUN)
        .max_tables_per_module(TABLES_PER_RUN)
        .max_component_instance_size(INSTANCE_RECORD_BYTES_MAX)
        .max_core_instance_size(INSTANCE_RECORD_BYTES_MAX)
        .max_memory_size(memory_bytes_max)
        .table_elements(TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(TABLE_KEPT_BYTES);
    pool
}
