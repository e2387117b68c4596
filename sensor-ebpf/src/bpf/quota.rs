//! Shares of the tables of shells and of their lines. A cgroup may have as many entries as it leaves free, so there is always room for
//! another: one alone has half of the table, two a third each.

use core::arch::asm;

use ebpf::map::Entries;

use crate::maps::{ENTRIES, ENTRIES_OF, MAX_SHELLS};

/// Which table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// [`SHELLS`](crate::maps::SHELLS).
    Shells,
    /// [`LINES`](crate::maps::LINES).
    Lines,
}

/// Has a cgroup fewer entries than are free?
#[inline(always)]
pub(crate) fn admits(table: Table, cgroup: u64) -> bool {
    let Some(all) = ENTRIES.get(0) else { return true };
    let own = unsafe { ENTRIES_OF.get(cgroup) };
    let (used, own, max) = match table {
        Table::Shells => (
            all.shells,
            own.map_or(0, |own| own.shells),
            // Volatile, or the compiler would fold the zero that stands here at build time.
            i64::from(unsafe { core::ptr::read_volatile(&raw const MAX_SHELLS) }),
        ),
        Table::Lines => (all.lines, own.map_or(0, |own| own.lines), i64::from(ebpf::limit::LINES_MAX)),
    };
    // One whose count was given up and whose entries went since has fewer than none.
    let own = if own < 0 { 0 } else { own };
    own < max - used
}

/// An entry was added (1) or taken out (-1). A cgroup whose count was given up meanwhile has less.
#[inline(always)]
pub(crate) fn account(table: Table, cgroup: u64, by: i64) {
    if let Some(all) = ENTRIES.get_ptr_mut(0) {
        add(all, table, by);
    }
    if let Some(own) = ENTRIES_OF.get_ptr_mut(cgroup) {
        add(own, table, by);
    } else if by > 0 {
        let own = match table {
            Table::Shells => Entries { shells: by, lines: 0 },
            Table::Lines => Entries { shells: 0, lines: by },
        };
        let _ = ENTRIES_OF.insert(cgroup, own, 0);
    }
}

#[inline(always)]
fn add(entries: *mut Entries, table: Table, by: i64) {
    let value = match table {
        Table::Shells => unsafe { &raw mut (*entries).shells },
        Table::Lines => unsafe { &raw mut (*entries).lines },
    };
    // Several processors count at once, and the standard library has no such operation for this target.
    unsafe { asm!("lock *(u64 *)({value} + 0) += {by}", value = in(reg) value, by = in(reg) by) };
}
