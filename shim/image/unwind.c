// SPDX-License-Identifier: BSD-2-Clause
// unwind.c: see unwind.h. Names as in the LSB's description of .eh_frame and in DWARF 4, 6.4.
#include "unwind.h"

#include "dwarf.h"

#define STATES 4 /* remembered at once */

#define PCREL_SDATA4   (DW_EH_PE_pcrel | DW_EH_PE_sdata4)
#define PCREL_SDATA8   (DW_EH_PE_pcrel | DW_EH_PE_sdata8)
#define DATAREL_SDATA4 (DW_EH_PE_datarel | DW_EH_PE_sdata4)

struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

struct entry {
	struct cursor initial, code;
	uint64_t code_align, pc;
	int64_t data_align;
	uint8_t pointer; /* encoding */
	bool augmented, signal;
};

struct run {
	struct sf_unwind *now;
	struct sf_unwind initial, kept[STATES];
	unsigned int states;
	uint64_t loc;
	bool stop;
};

static uint64_t
unwind_fixed(struct cursor *c, unsigned int n)
{
	uint64_t v = 0;

	if ((size_t)(c->end - c->p) < n) {
		c->bad = true;
		return 0;
	}
	for (unsigned int i = 0; i < n; i++)
		v |= (uint64_t)c->p[i] << 8 * i;
	c->p += n;
	return v;
}

static uint64_t
unwind_uleb(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; !c->bad; shift += 7) {
		uint64_t byte = unwind_fixed(c, 1);

		if (shift < 64)
			v |= (byte & 127) << shift;
		if (!(byte & 128))
			break;
	}
	return v;
}

static int64_t
unwind_sleb(struct cursor *c)
{
	uint64_t v = 0, byte = 0;
	unsigned int shift = 0;

	do {
		byte = unwind_fixed(c, 1);
		if (shift < 64)
			v |= (byte & 127) << shift;
		shift += 7;
	} while ((byte & 128) && !c->bad);
	if (shift < 64 && (byte & 64))
		v |= ~0ull << shift;
	return (int64_t)v;
}

static uint64_t
unwind_pointer(struct cursor *c, uint8_t encoding)
{
	const uint8_t *at = c->p;

	switch (encoding) {
	case PCREL_SDATA4:
		return (uintptr_t)at + (uint64_t)(int64_t)(int32_t)unwind_fixed(c, 4);
	case PCREL_SDATA8:
		return (uintptr_t)at + unwind_fixed(c, 8);
	default:
		c->bad = true;
		return 0;
	}
}

/* A length and as many bytes. */
static struct cursor
unwind_record(const uint8_t *p)
{
	struct cursor c = {p, p + 4, false};
	uint64_t n = unwind_fixed(&c, 4);

	c.end = c.p + n;
	c.bad = n == 0 ||
		n > 1u << 24; /* the long form, and the end of the table, have no use here */
	return c;
}

/* The last entry of the sorted table that begins at or before pc. */
static const uint8_t *
unwind_find_entry(const uint8_t *hdr, uintptr_t pc)
{
	struct cursor c = {hdr + 4, hdr + 12, false};
	const int32_t *table;
	uint64_t low = 0, high;

	if (hdr[0] != 1 || hdr[1] != PCREL_SDATA4 || hdr[2] != DW_EH_PE_udata4 ||
	    hdr[3] != DATAREL_SDATA4)
		return NULL;
	unwind_fixed(&c, 4);
	high = unwind_fixed(&c, 4);
	table = (const int32_t *)(const void *)(hdr + 12);
	if (high == 0 || pc < (uintptr_t)hdr + (uintptr_t)(intptr_t)table[0])
		return NULL;
	while (high - low > 1) {
		uint64_t middle = (low + high) / 2;

		if ((uintptr_t)hdr + (uintptr_t)(intptr_t)table[middle * 2] <= pc)
			low = middle;
		else
			high = middle;
	}
	return hdr + table[low * 2 + 1];
}

static bool
unwind_read_cie(const uint8_t *p, struct entry *e)
{
	struct cursor c = unwind_record(p);
	const char *augmentation;
	uint8_t version;

	unwind_fixed(&c, 4);
	version = (uint8_t)unwind_fixed(&c, 1);
	augmentation = (const char *)c.p;
	while (!c.bad && unwind_fixed(&c, 1) != 0)
		continue;
	e->code_align = unwind_uleb(&c);
	e->data_align = unwind_sleb(&c);
	if (version == 1)
		unwind_fixed(&c, 1);
	else
		unwind_uleb(&c);
	e->augmented = augmentation[0] == 'z';
	if (e->augmented)
		unwind_uleb(&c);
	for (const char *a = augmentation + e->augmented; *a != '\0' && !c.bad; a++) {
		if (*a == 'R')
			e->pointer = (uint8_t)unwind_fixed(&c, 1);
		else if (*a == 'L')
			unwind_fixed(&c, 1);
		else if (*a == 'S')
			e->signal = true;
#ifdef __aarch64__
		else if (*a == 'B' || *a == 'G')
			continue; /* signed with the other key, a frame of memory tags: nothing follows */
#endif
		else if (*a == 'P')
			unwind_fixed(&c, (unwind_fixed(&c, 1) & DW_EH_PE_form) == DW_EH_PE_sdata8
						 ? 8
						 : 4);
		else
			return false;
	}
	e->initial = c;
	return !c.bad && (version == 1 || version == 3);
}

static bool
unwind_read_fde(const uint8_t *p, uintptr_t pc, struct entry *e)
{
	struct cursor c = unwind_record(p);
	const uint8_t *at = c.p;
	uint64_t back = unwind_fixed(&c, 4), size;

	if (c.bad || back == 0 || !unwind_read_cie(at - back, e))
		return false;
	e->pc = unwind_pointer(&c, e->pointer);
	size = unwind_fixed(&c, e->pointer == PCREL_SDATA8 ? 8 : 4);
	if (c.bad || pc - e->pc >= size)
		return false;
	if (e->augmented) {
		uint64_t n = unwind_uleb(&c);

		unwind_fixed(&c, (unsigned int)n);
	}
	e->code = c;
	return !c.bad;
}

static void
unwind_set(struct run *r, uint64_t reg, enum sf_saved saved, int64_t offset)
{
	if (reg >= SF_UNWIND_REGISTERS)
		return;
	r->now->reg[reg].saved = (uint8_t)saved;
	r->now->reg[reg].offset = (int32_t)offset;
}

static void
unwind_restore(struct run *r, uint64_t reg)
{
	if (reg < SF_UNWIND_REGISTERS)
		r->now->reg[reg] = r->initial.reg[reg];
}

struct expression {
	uint8_t base;
	int32_t offset;
	bool known, deref;
};

/* "register + offset", and perhaps "what stands there"; anything else is skipped. */
static struct expression
unwind_expression(struct cursor *c)
{
	struct expression x = {.known = false};
	uint64_t n = unwind_uleb(c);
	struct cursor block = {c->p, c->p + n, n == 0 || n > 256};
	uint8_t op = (uint8_t)unwind_fixed(&block, 1);

	unwind_fixed(c, n < 256 ? (unsigned int)n : 256);
	if (op < DW_OP_breg0 || op > DW_OP_breg0 + SF_UNWIND_LAST)
		return x;
	x.base = (uint8_t)(op - DW_OP_breg0);
	x.offset = (int32_t)unwind_sleb(&block);
	if (!block.bad && block.p < block.end)
		x.deref = unwind_fixed(&block, 1) == DW_OP_deref;
	x.known = !block.bad && block.p == block.end;
	return x;
}

static void
unwind_set_cfa(struct run *r, struct expression x)
{
	r->now->cfa_register = x.known ? x.base : SF_UNWIND_REGISTERS;
	r->now->cfa_offset = x.offset;
	r->now->cfa_in_memory = x.deref;
}

static void
unwind_set_base(struct run *r, uint64_t reg, struct expression x)
{
	bool plain = x.known && !x.deref;

	unwind_set(r, reg, plain ? SF_SAVED_AT_BASE : SF_SAVED_UNKNOWN, x.offset);
	if (reg < SF_UNWIND_REGISTERS)
		r->now->reg[reg].base = x.base;
}

/* The instructions that define the CFA. */
static bool
unwind_cfa_instruction(struct run *r, struct cursor *c, const struct entry *e, uint8_t op)
{
	switch (op) {
	case DW_CFA_def_cfa:
		r->now->cfa_register = (uint8_t)unwind_uleb(c);
		r->now->cfa_offset = (int32_t)unwind_uleb(c);
		r->now->cfa_in_memory = 0;
		return true;
	case DW_CFA_def_cfa_register:
		r->now->cfa_register = (uint8_t)unwind_uleb(c);
		return true;
	case DW_CFA_def_cfa_offset:
		r->now->cfa_offset = (int32_t)unwind_uleb(c);
		return true;
	case DW_CFA_def_cfa_sf:
		r->now->cfa_register = (uint8_t)unwind_uleb(c);
		r->now->cfa_offset = (int32_t)(unwind_sleb(c) * e->data_align);
		return true;
	case DW_CFA_def_cfa_offset_sf:
		r->now->cfa_offset = (int32_t)(unwind_sleb(c) * e->data_align);
		return true;
	case DW_CFA_def_cfa_expression:
		unwind_set_cfa(r, unwind_expression(c));
		return true;
	default:
		return false;
	}
}

static bool
unwind_register_instruction(struct run *r, struct cursor *c, const struct entry *e, uint8_t op)
{
	uint64_t reg;

	switch (op) {
	case DW_CFA_offset_extended:
		reg = unwind_uleb(c);
		unwind_set(r, reg, SF_SAVED_AT_CFA, (int64_t)unwind_uleb(c) * e->data_align);
		return true;
	case DW_CFA_offset_extended_sf:
		reg = unwind_uleb(c);
		unwind_set(r, reg, SF_SAVED_AT_CFA, unwind_sleb(c) * e->data_align);
		return true;
	case DW_CFA_restore_extended:
		unwind_restore(r, unwind_uleb(c));
		return true;
	case DW_CFA_undefined:
		unwind_set(r, unwind_uleb(c), SF_SAVED_UNDEFINED, 0);
		return true;
	case DW_CFA_same_value:
		unwind_set(r, unwind_uleb(c), SF_SAVED_SAME, 0);
		return true;
	case DW_CFA_register:
	case DW_CFA_val_offset:
		unwind_set(r, unwind_uleb(c), SF_SAVED_UNKNOWN, 0);
		unwind_uleb(c);
		return true;
	case DW_CFA_expression:
		reg = unwind_uleb(c);
		unwind_set_base(r, reg, unwind_expression(c));
		return true;
	case DW_CFA_val_expression:
		unwind_set(r, unwind_uleb(c), SF_SAVED_UNKNOWN, 0);
		unwind_expression(c);
		return true;
	default:
		return false;
	}
}

static bool
unwind_state_instruction(struct run *r, struct cursor *c, uint8_t op)
{
	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_remember_state:
		if (r->states == STATES)
			return false;
		r->kept[r->states++] = *r->now;
		return true;
	case DW_CFA_restore_state:
		if (r->states == 0)
			return false;
		*r->now = r->kept[--r->states];
		return true;
	case DW_CFA_GNU_args_size:
		unwind_uleb(c);
		return true;
#ifdef __aarch64__
	case DW_CFA_AARCH64_negate_ra_state:
	case DW_CFA_AARCH64_negate_ra_state_with_pc:
		r->now->is_signed ^= 1;
		return true;
#endif
	default:
		return false;
	}
}

static bool
unwind_advance(struct run *r, uint64_t by, const struct entry *e, uintptr_t pc)
{
	r->loc += by * e->code_align;
	r->stop = r->loc > pc;
	return true;
}

static bool
unwind_instruction(struct run *r, struct cursor *c, const struct entry *e, uintptr_t pc)
{
	uint8_t op = (uint8_t)unwind_fixed(c, 1);

	switch (op & ~DW_CFA_operand) {
	case DW_CFA_advance_loc:
		return unwind_advance(r, op & DW_CFA_operand, e, pc);
	case DW_CFA_offset:
		unwind_set(r, op & DW_CFA_operand, SF_SAVED_AT_CFA,
			   (int64_t)unwind_uleb(c) * e->data_align);
		return true;
	case DW_CFA_restore:
		unwind_restore(r, op & DW_CFA_operand);
		return true;
	default:
		break;
	}
	/* Of one, two or four bytes. */
	if (op >= DW_CFA_advance_loc1 && op <= DW_CFA_advance_loc4)
		return unwind_advance(r, unwind_fixed(c, 1u << (op - DW_CFA_advance_loc1)), e, pc);
	return unwind_cfa_instruction(r, c, e, op) || unwind_register_instruction(r, c, e, op) ||
	       unwind_state_instruction(r, c, op);
}

static bool
unwind_interpret(struct run *r, struct cursor c, const struct entry *e, uintptr_t pc)
{
	while (!r->stop && c.p < c.end)
		if (!unwind_instruction(r, &c, e, pc) || c.bad)
			return false;
	return true;
}

bool
sf_unwind_rules(const void *eh_frame_hdr, uintptr_t pc, struct sf_unwind *u)
{
	struct entry e = {.pc = 0};
	struct run r = {.now = u};
	const uint8_t *fde = unwind_find_entry(eh_frame_hdr, pc);

	if (fde == NULL || !unwind_read_fde(fde, pc, &e))
		return false;
	*u = (struct sf_unwind){.signal = e.signal};
	r.loc = e.pc;
	if (!unwind_interpret(&r, e.initial, &e, pc))
		return false;
	r.initial = *u;
	r.stop = false;
	return unwind_interpret(&r, e.code, &e, pc) && u->cfa_register < SF_UNWIND_REGISTERS;
}
