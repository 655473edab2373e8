// Every text of the page. The sentences for conflicts are those of the project's message drafts,
// to be read by native speakers before a shop uses them.

export const languages = {
  en: { direction: "ltr", locale: "en", name: "English" },
  // Western digits, so that quantities read the same on both tills.
  ar: { direction: "rtl", locale: "ar-u-nu-latn", name: "العربية" },
};

const words = {
  title: ["Two tills, one bill", "جهازان وفاتورة واحدة"],
  lead: ["If the other till was faster: reload, merge, save again.",
    "إن سبقك الجهاز الآخر: تحميل ثم دمج ثم حفظ من جديد."],
  bill: ["Bill", "الفاتورة"],
  no_bill: ["not on the server yet", "ليست على الخادم بعد"],
  both_at_once: ["Both save at once", "احفظا معاً"],
  race: ["50 edits each", "٥٠ تعديلاً لكل جهاز"],
  new_bill: ["New bill", "فاتورة جديدة"],
  to_merge: ["The merge", "الدمج"],
  to_systems: ["Five systems", "الأنظمة الخمسة"],
  close: ["Close", "إغلاق"],
  working: ["Working…", "جارٍ العمل…"],
  other_language: ["العربية", "English"],
  failed: ["The demo could not start: {reason}", "تعذّر بدء العرض: {reason}"],
  till: ["Till {n}", "الجهاز {n}"],
  "name.till-1": ["Noura", "نورة"],
  "name.till-2": ["Omar", "عمر"],
  someone: ["the other till", "الجهاز الآخر"],
  stamp: ["Stamp", "الختم"],
  no_stamp: ["none yet", "لا يوجد بعد"],

  "status.clean": ["Saved", "محفوظة"],
  "status.dirty": ["Not saved", "غير محفوظة"],
  "status.saving": ["Saving…", "جارٍ الحفظ…"],
  "status.waiting": ["Waiting", "بالانتظار"],
  "status.conflict": ["Question", "سؤال"],
  "status.parked": ["Parked", "موقوفة"],
  "status.closed": ["Closed", "مغلقة"],
  "status.none": ["No bill", "لا فاتورة"],

  network: ["Network", "الشبكة"],
  "network.normal": ["Normal", "عادية"],
  "network.slow": ["Slow, 2 s", "بطيئة ٢ ث"],
  "network.busy": ["Server busy", "الخادم مشغول"],
  "network.offline": ["Offline", "بلا اتصال"],
  lose_answer: ["Lose next answer", "أضِع الرد القادم"],

  items: ["Items", "الأصناف"],
  cart: ["Cart", "السلة"],
  empty_cart: ["Nothing on this bill yet.", "لا أصناف في الفاتورة بعد."],
  one_less: ["One less {item}", "أنقص {item}"],
  one_more: ["One more {item}", "زد {item}"],
  quantity_of: ["Quantity of {item}", "كمية {item}"],
  remove_item: ["Remove {item}", "احذف {item}"],
  customer: ["Customer", "العميل"],
  discount: ["Discount %", "الخصم ٪"],
  note: ["Note", "ملاحظة"],
  "item.COFFEE": ["Coffee", "قهوة"],
  "item.TEA": ["Tea", "شاي"],
  "item.CAKE": ["Cake", "كعكة"],
  "item.BURGER": ["Burger", "برغر"],
  "item.FRIES": ["Fries", "بطاطا"],
  "item.WATER": ["Water", "ماء"],
  total: ["Total", "المجموع"],
  unsaved_total: ["edits not saved yet", "مع تعديلات لم تُحفظ"],
  paid: ["Paid {amount}", "المدفوع {amount}"],
  take_back: ["Undo payment", "أعد الدفعة"],
  "pay.Cash": ["Cash", "نقداً"],
  "pay.Card": ["Card", "بطاقة"],
  save: ["Save", "احفظ"],
  submit: ["Pay & submit", "ادفع وأغلق"],

  changed: ["What came in", "ما وصل"],
  nothing_changed: ["Nothing from the other till yet.", "لا شيء من الجهاز الآخر بعد."],
  "news.added": ["{item} × {to} added", "أُضيف {item} × {to}"],
  "news.removed": ["{item} removed", "حُذف {item}"],
  "news.quantity": ["{item} {from} → {to}", "{item} {from} ← {to}"],
  "news.step": ["{from} → {to}, {who}", "{from} ← {to}، {who}"],
  "news.price": ["{item}: price is now {to}", "{item}: السعر الآن {to}"],
  "news.field": ["{field}: {to}", "{field}: {to}"],
  "news.paid": ["{item} {to} paid", "دُفع {to} {item}"],
  "news.unpaid": ["{item} {from} taken back", "أُعيد {from} {item}"],
  nothing: ["none", "لا شيء"],

  "outcome.saved": ["Saved.", "حُفظت."],
  "outcome.merged": ["Saved at try {n}, with what {who} changed.", "حُفظت في المحاولة {n} مع ما غيّره {who}."],
  "outcome.tries": ["Saved at try {n}.", "حُفظت في المحاولة {n}."],
  "outcome.echoed": ["Saved once: the answer was lost, the save was not repeated.", "حُفظت مرة واحدة: ضاع الرد ولم يتكرر الحفظ."],
  "outcome.closed": ["Paid and closed.", "دُفعت وأُغلقت."],
  "outcome.queued": ["Saved on this till. Will be sent when the server answers.", "محفوظة على هذا الجهاز. ستُرسل عند عودة الخادم."],
  "outcome.conflict": ["Please answer the question first.", "الرجاء الإجابة عن السؤال أولاً."],
  "outcome.rejected": ["The server refused it: {reason}", "رفض الخادم: {reason}"],

  "ask.set-against-change": ["{item}: you typed {mine}, {who} has {theirs}. How many?", "{item}: أدخلتَ {mine} ولدى {who} {theirs}. كم الكمية الصحيحة؟"],
  "ask.both-changed.qty": ["{item}: {mine} here, {theirs} on {who}'s till. How many?", "{item}: {mine} هنا و{theirs} عند {who}. كم الكمية؟"],
  "ask.answer-lost": ["{item}: the last scan may already be counted. {theirs} or {mine_plus}?", "{item}: ربما احتُسب المسح الأخير. {theirs} أم {mine_plus}؟"],
  "ask.answer-lost.document": ["The answer was lost. Was this bill stored already?", "ضاع الرد. هل حُفظت هذه الفاتورة؟"],
  "ask.unit-against-quantity": ["{item}: unit changed here, quantity changed by {who}. Choose one.", "{item}: تغيّرت الوحدة هنا وغيّر {who} الكمية. اختر واحدة."],
  "ask.removed-against-edit": ["{item} was removed on one till and changed on another. Keep it?", "حُذف {item} من جهاز وعُدّل على آخر. هل نُبقيه؟"],
  "ask.both-changed.@discount": ["Two discounts: yours {mine}, {who}'s {theirs}. Which one?", "خصمان: خصمك {mine} وخصم {who} {theirs}. أيهما؟"],
  "ask.repriced": ["{item}: the price list changed to {theirs}. Keep your {mine}?", "{item}: تغيّر السعر إلى {theirs}. هل تُبقي {mine}؟"],
  "ask.both-changed.customer": ["Customer: {mine} or {theirs}?", "العميل: {mine} أم {theirs}؟"],
  "ask.both-changed": ["{item}: {mine} here, {theirs} on {who}'s till. Which one?", "{item}: {mine} هنا و{theirs} عند {who}. أيهما؟"],
  "ask.double-payment": ["{paid} taken for a bill of {due}. Was it paid twice?", "استُلم {paid} لفاتورة قيمتها {due}. هل دُفعت مرتين؟"],
  "ask.total-changed": ["The total is now {theirs}, not {mine}. {who} added something.", "أصبح المجموع {theirs} بدلاً من {mine}. أضاف {who} شيئاً."],
  "ask.stock": ["{item}: only {max} left. Sell {max}?", "{item}: بقي {max} فقط. هل نبيع {max}؟"],
  "ask.captured-payment": ["{item}: this card payment was charged. Refund it instead of removing it?", "{item}: تم تحصيل هذه الدفعة بالبطاقة. هل نردّها بدلاً من حذفها؟"],
  "ask.frozen": ["This bill belongs to another register or company.", "هذه الفاتورة تخص صندوقاً أو شركة أخرى."],
  more_questions: ["{n} more", "بقي {n}"],
  questions_later: ["{n} open question(s)", "أسئلة مفتوحة: {n}"],

  "take.mine": ["Mine", "نسختي"],
  "take.theirs": ["Theirs", "نسختهم"],
  "take.keep": ["Keep", "إبقاء"],
  "take.remove": ["Remove", "حذف"],
  "take.later": ["Later", "لاحقاً"],
  "take.value": ["Take {n}", "اعتمد {n}"],
  "take.pay": ["Pay {n}", "ادفع {n}"],
  "take.not_yet": ["Not yet", "ليس الآن"],
  "take.both": ["Keep both", "أبقِ الدفعتين"],
  "take.drop_payment": ["Take mine back", "أعد دفعتي"],
  "take.stored": ["Yes, stored", "نعم، حُفظت"],
  "take.again": ["No, send it", "لا، أرسلها"],
  "take.new_bill": ["New bill with my items", "فاتورة جديدة بأصنافي"],
  "take.drop": ["Drop my changes", "تجاهل تغييراتي"],

  "ended.done": ["Already saved. Nothing to do.", "محفوظة بالفعل. لا حاجة لأي إجراء."],
  "ended.submitted": ["{who} has already closed this bill. Your new items are kept.", "أغلق {who} هذه الفاتورة. أصنافك الجديدة محفوظة."],
  "ended.cancelled": ["This bill was cancelled by {who}. Your items and payments are kept.", "ألغى {who} هذه الفاتورة. أصنافك ومدفوعاتك محفوظة."],
  "ended.deleted": ["This bill no longer exists. Your items are kept.", "لم تعد هذه الفاتورة موجودة. أصنافك محفوظة."],
  "ended.replaced": ["This bill no longer exists. Your items are kept.", "لم تعد هذه الفاتورة موجودة. أصنافك محفوظة."],

  timeline: ["Time line of the last saves", "خط زمني لآخر عمليات الحفظ"],
  server: ["Server", "الخادم"],
  text_log: ["As text", "نصاً"],
  "mark.save-sent": ["save", "حفظ"],
  "mark.load-sent": ["reload", "تحميل"],
  "mark.stale": ["stale", "قديم"],
  "mark.loaded": ["newest", "الأحدث"],
  "mark.merged": ["merge", "دمج"],
  "mark.asked": ["question", "سؤال"],
  "mark.in-doubt": ["no answer", "لا رد"],
  "mark.echoed": ["recognised", "تعرّف"],
  "mark.waiting": ["wait", "انتظار"],
  "mark.committed": ["saved", "حُفظ"],
  "mark.rejected": ["refused", "رُفض"],
  "mark.signed-out": ["signed out", "خروج"],
  "mark.ended": ["closed", "مغلقة"],
  "mark.retry": ["retry", "إعادة"],
  "mark.merged.long": ["merge (theirs + mine)", "دمج (تعديلاتهم + تعديلاتي)"],
  "mark.stored": ["stored, with the new stamp", "حُفظ بختم جديد"],

  "race.title": ["50 edits each, at the same time", "٥٠ تعديلاً لكل جهاز في الوقت نفسه"],
  "race.found": ["{found} of {expected}", "{found} من {expected}"],
  "race.own_rows": ["Rows added by {who}", "صفوف أضافها {who}"],
  "race.removed": ["Rows removed", "صفوف حُذفت"],
  "race.all": ["Every edit is there exactly once.", "كل تعديل موجود مرة واحدة تماماً."],
  "race.wrong": ["Something is lost or counted twice!", "ضاع شيء أو احتُسب مرتين!"],
  "race.counts": ["{edits} edits in {saves} saves: {stale} stale, {merged} merged, {asked} questions, {seconds} s.",
    "{edits} تعديلاً في {saves} عملية حفظ: {stale} قديمة، {merged} دمجاً، {asked} أسئلة، {seconds} ث."],
};

const columns = Object.keys(languages);
let column = 0;
let numbers = formats();

/** Uses this language from now on; an unknown one is English. */
export function useLanguage(code) {
  column = Math.max(0, columns.indexOf(code));
  numbers = formats();
}

export function language() {
  return { code: columns[column], ...languages[columns[column]] };
}

/**
 * The text for `key`. Values stand in bidi isolates (U+2068, U+2069), so that a Latin item name in
 * an Arabic sentence, or the other way round, keeps its place.
 */
export function say(key, values = {}) {
  const text = words[key]?.[column] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? `\u2068${values[name]}\u2069` : whole));
}

export function knows(key) {
  return key in words;
}

/** An amount of money. The decimal goes in as text, for a double would not hold every one. */
export function amount(decimal) {
  return numbers.money.format(String(decimal ?? "0"));
}

export function quantity(decimal) {
  return numbers.quantity.format(String(decimal ?? "0"));
}

function formats() {
  const { locale } = languages[columns[column]];
  return {
    money: new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
    quantity: new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }),
  };
}
