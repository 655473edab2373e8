// transact.test.mjs once more, on PostgreSQL with leases in Redis.
import { onPostgresAndRedis } from "./reference.mjs";

await onPostgresAndRedis();
await import("./transact.test.mjs");
