// feed.test.mjs once more, on PostgreSQL with leases in Redis.
import { onPostgresAndRedis } from "./reference.mjs";

await onPostgresAndRedis();
await import("./feed.test.mjs");
