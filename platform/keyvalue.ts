import { EventEmitter } from "node:events";
import { createClient } from "redis";

/** What counting by scripts needs of node-redis; the commands have no deadline. */
export interface RedisCommands {
  readonly isReady: boolean;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  del(key: string): Promise<number>;
}

/**
 * Short-lived facts that all instances share, and messages between them. Nothing is here that could
 * not be lost: PostgreSQL is the truth.
 */
export interface KeyValueStore {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  publish(channel: string, message: string): Promise<void>;
  /**
   * Messages are not kept: who is not connected while one is sent does not get it. `missed` is
   * called after each time that this may have happened.
   */
  subscribe(
    channel: string,
    listener: (message: string) => void,
    missed?: () => void,
  ): Promise<void>;
  /** Resolves when the store answers; else throws. */
  ping(): Promise<void>;
  close(): Promise<void>;
  /** The connection itself; undefined in one process. */
  readonly redis: RedisCommands | undefined;
}

/** No caller waits longer than this for Redis; what needs it does without it then. */
const COMMAND_TIMEOUT_MS = 1_000;
const RECONNECT_MAX_MS = 2_000;

export interface RedisOptions {
  readonly url: string;
  readonly password: string | undefined;
  /** Called on every failed connection; reconnecting goes on for ever. */
  readonly onError: (error: Error) => void;
}

/** A store on Redis. Connects in the background: calls fail at once until it is there. */
export function redisStore(options: RedisOptions): KeyValueStore {
  const client = createClient({
    url: options.url,
    ...(options.password === undefined ? {} : { password: options.password }),
    // Else commands would pile up while Redis is away, and run much later.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: COMMAND_TIMEOUT_MS,
      // The default strategy gives up after a socket timeout.
      reconnectStrategy: (tries) => Math.min(2 ** tries * 50, RECONNECT_MAX_MS),
    },
  });
  const subscriber = client.duplicate();
  for (const each of [client, subscriber]) {
    each.on("error", options.onError);
    each.connect().catch(options.onError);
  }
  return {
    get: (key) => inTime(client.get(key)),
    set: async (key, value, ttlMs) => {
      await inTime(client.set(key, value, { expiration: { type: "PX", value: ttlMs } }));
    },
    delete: async (key) => {
      await inTime(client.del(key));
    },
    publish: async (channel, message) => {
      await inTime(client.publish(channel, message));
    },
    async subscribe(channel, listener, missed) {
      await whenReady(subscriber, () => subscriber.subscribe(channel, listener));
      // A connection is ready when all channels are subscribed to again.
      if (missed !== undefined) subscriber.on("ready", missed);
    },
    ping: async () => {
      await inTime(client.ping());
    },
    async close() {
      client.destroy();
      subscriber.destroy();
    },
    redis: client,
  };
}

/** Subscribing is asked for once, at start, when the connection may not be there yet. */
async function whenReady(
  client: { readonly isReady: boolean; once(event: "ready", listener: () => void): unknown },
  subscribe: () => Promise<void>,
): Promise<void> {
  if (!client.isReady) await new Promise<void>((resolve) => client.once("ready", resolve));
  await subscribe();
}

/** node-redis has no timeout for a command that is already sent. */
async function inTime<T>(reply: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Redis did not answer within ${COMMAND_TIMEOUT_MS} ms`)),
    COMMAND_TIMEOUT_MS,
  );
  try {
    return await Promise.race([reply, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The same within one process, for development without Redis. */
export function inProcessStore(): KeyValueStore {
  const values = new Map<string, { readonly value: string; readonly until: number }>();
  const channels = new EventEmitter();
  return {
    async get(key) {
      const kept = values.get(key);
      if (kept === undefined || kept.until <= Date.now()) {
        values.delete(key);
        return null;
      }
      return kept.value;
    },
    async set(key, value, ttlMs) {
      values.set(key, { value, until: Date.now() + ttlMs });
    },
    async delete(key) {
      values.delete(key);
    },
    async publish(channel, message) {
      channels.emit(channel, message);
    },
    async subscribe(channel, listener) {
      channels.on(channel, listener);
    },
    async ping() {},
    async close() {
      channels.removeAllListeners();
    },
    redis: undefined,
  };
}
