// How the documents that POS front-ends edit are merged; see Profile in restamp.d.ts.
import { freeze } from "./freeze.js";

// ERPNext's Sales Invoice and POS Invoice have the same fields.
const invoice = {
  identity: ["creation"],
  tokenField: "custom_mutation_id",
  createTokenField: "client_uuid",
  changedBy: "modified_by",
  system: [
    "doctype", "name", "owner", "modified", "modified_by", "docstatus", "custom_mutation_id",
  ],
  server: [
    "total", "net_total", "total_qty", "total_taxes_and_charges", "grand_total", "rounded_total",
    "rounding_adjustment", "in_words", "outstanding_amount", "paid_amount", "change_amount",
    "status", "conversion_rate", "plc_conversion_rate", "debit_to", "pricing_rules",
    "posting_time", "base_*",
  ],
  serverTables: ["taxes", "packed_items"],
  frozen: ["company", "currency", "pos_profile", "is_pos", "is_return", "return_against"],
  text: ["remarks", "posa_notes"],
  groups: {
    "@customer": {
      head: "customer",
      fields: [
        "customer", "customer_name", "contact_person", "contact_mobile", "contact_email",
        "customer_address", "shipping_address_name", "territory", "tax_id", "address_display",
        "contact_display",
      ],
    },
    "@discount": {
      fields: [
        "apply_discount_on", "additional_discount_percentage", "discount_amount", "coupon_code",
      ],
      derived: { discount_amount: "additional_discount_percentage" },
    },
  },
  due: ["rounded_total", "grand_total"],
  lifecycle: { field: "docstatus", submitted: [1], cancelled: [2] },
  tables: {
    items: {
      row: ["posa_row_id"],
      fallback: ["item_code", "uom", "batch_no", "rate"],
      serverRow: "name",
      position: "idx",
      server: [
        "amount", "net_amount", "net_rate", "stock_qty", "price_list_rate", "item_tax_rate",
        "income_account", "expense_account", "cost_center", "actual_qty", "pricing_rules",
        "item_name", "parent", "parenttype", "parentfield", "base_*",
      ],
      frozen: ["item_code"],
      counter: ["qty", "custom_kot_sent_qty"],
      set: ["serial_no"],
      text: ["posa_notes"],
      price: {
        fields: ["discount_percentage", "discount_amount", "is_rate_manually_edited", "rate"],
        rate: "rate",
        manual: "is_rate_manually_edited",
        reprice: ["price_list_rate", "rate"],
      },
      measure: { unit: ["uom", "conversion_factor"], quantity: "qty" },
      derivedRowIf: { is_free_item: 1 },
    },
    payments: {
      row: ["custom_pay_id", "custom_txn_id", "mode_of_payment"],
      serverRow: "name",
      position: "idx",
      server: ["account", "base_amount", "type", "default"],
      money: ["amount"],
      transaction: "custom_txn_id",
    },
    sales_team: {
      row: ["sales_person"],
      serverRow: "name",
      position: "idx",
      server: ["incentives"],
    },
  },
  otherwise: "ask",
};

// Odoo's pos.order as the POS sends it: rows are named by the uuid that the till gave them, every
// amount is the server's. Odoo keeps no token of the last save; `uuid` makes a creation unique.
const odooOrder = {
  identity: ["uuid"],
  createTokenField: "uuid",
  system: [
    "id", "uuid", "name", "pos_reference", "tracking_number", "sequence_number", "access_token",
    "create_uid", "create_date", "write_uid", "write_date", "user_id", "display_name",
    "last_order_preparation_change",
  ],
  changedBy: "write_uid",
  server: [
    "amount_*", "currency_rate", "margin", "margin_percent", "is_invoiced",
    "is_total_cost_computed", "nb_print", "account_move", "picking_ids",
  ],
  frozen: [
    "company_id", "config_id", "session_id", "currency_id", "is_refund", "refunded_order_id",
  ],
  text: ["general_customer_note", "internal_note"],
  groups: {
    "@customer": {
      head: "partner_id",
      fields: ["partner_id", "fiscal_position_id", "email", "mobile", "to_invoice"],
    },
    "@tip": { fields: ["is_tipped", "tip_amount"] },
    "@table": { fields: ["table_id", "table_stand_number", "floating_order_name", "takeaway"] },
  },
  due: ["amount_total"],
  lifecycle: { field: "state", submitted: ["paid", "done", "invoiced"], cancelled: ["cancel"] },
  tables: {
    lines: {
      row: ["uuid"],
      fallback: ["product_id", "price_unit", "discount"],
      serverRow: "id",
      system: ["create_uid", "create_date", "write_uid", "write_date", "name", "order_id"],
      server: [
        "price_subtotal", "price_subtotal_incl", "price_extra", "tax_ids",
        "tax_ids_after_fiscal_position", "total_cost", "margin", "margin_percent",
        "full_product_name", "refund_orderline_ids", "refunded_qty",
      ],
      frozen: ["product_id", "refunded_orderline_id"],
      counter: ["qty"],
      set: ["pack_lot_ids"],
      text: ["customer_note", "note"],
      groups: {
        "@price": { fields: ["price_unit", "price_type", "discount"] },
        "@combo": { fields: ["combo_parent_id", "combo_line_ids", "combo_item_id"] },
      },
      derivedRowIf: { is_reward_line: true },
    },
    payment_ids: {
      row: ["uuid", "transaction_id"],
      serverRow: "id",
      system: ["create_uid", "create_date", "write_uid", "write_date", "pos_order_id", "name"],
      server: ["payment_date", "is_change", "session_id", "company_id"],
      frozen: ["payment_method_id"],
      money: ["amount"],
      transaction: "transaction_id",
    },
  },
  otherwise: "ask",
};

export const profiles = freeze({
  salesInvoice: invoice,
  posInvoice: invoice,
  odooOrder,
  /** No rules: whatever both sides changed is asked. */
  plain: { otherwise: "ask" },
});
