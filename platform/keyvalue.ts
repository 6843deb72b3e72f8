import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import type { Metrics } from "./metrics.ts";

/** What counting by scripts needs of node-redis; the commands have no deadline. */
export interface RedisCommands {
  readonly isReady: boolean;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  del(key: string): Promise<number>;
}

/**
 * What all instances share for a short time: messages between them, and counts. Nothing is here that
 * could not be lost: PostgreSQL is the truth.
 */
export interface KeyValueStore {
  publish(channel: string, message: string): Promise<void>;
  /**
   * Hears a channel's messages from as soon as the store is there. They are not kept: who does not
   * listen while one is sent does not get it. `listening` is called each time that listening has
   * begun; what was sent before that may be lost.
   */
  subscribe(channel: string, listener: (message: string) => void, listening: () => void): void;
  /** Resolves when the store answers; else throws. */
  ping(): Promise<void>;
  close(): Promise<void>;
  /** The connection itself; undefined in one process. */
  readonly redis: RedisCommands | undefined;
}

/** No caller waits longer than this for Redis; what needs it does without it then. */
const COMMAND_TIMEOUT_MS = 1_000;
const RECONNECT_MAX_MS = 2_000;
/** Between tries to subscribe, which a server refuses that is still loading its data. */
const RESUBSCRIBE_MS = 500;

export interface RedisOptions {
  readonly url: string;
  readonly password: string | undefined;
  /** Called on every failed connection or subscription; trying again goes on for ever. */
  readonly onError: (error: Error) => void;
  /** Where commands are measured. */
  readonly metrics?: Metrics;
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
  const { metrics } = options;
  let closed = false;
  for (const each of [client, subscriber]) {
    each.on("error", options.onError);
    each.connect().catch(options.onError);
  }

  async function measured<T>(command: string, reply: Promise<T>): Promise<T> {
    const started = performance.now();
    let outcome = "failed";
    try {
      const result = await reply;
      outcome = "ok";
      return result;
    } finally {
      const seconds = (performance.now() - started) / 1_000;
      metrics?.redisCommands.observe({ command, outcome }, seconds);
    }
  }

  /** Resolves when it is subscribed. From then on node-redis does it again with each connection. */
  async function subscribed(channel: string, listener: (message: string) => void): Promise<void> {
    while (!closed) {
      try {
        if (!subscriber.isReady) await once(subscriber, "ready");
        return await measured("subscribe", inTime(subscriber.subscribe(channel, listener)));
      } catch (error) {
        options.onError(error instanceof Error ? error : new Error(String(error)));
        await sleep(RESUBSCRIBE_MS, undefined, { ref: false });
      }
    }
  }

  return {
    publish: async (channel, message) => {
      await measured("publish", inTime(client.publish(channel, message)));
    },
    subscribe(channel, listener, listening) {
      void subscribed(channel, listener).then(() => {
        if (closed) return;
        // A connection is ready when all channels are subscribed to again.
        subscriber.on("ready", listening);
        listening();
      });
    },
    ping: async () => {
      await measured("ping", inTime(client.ping()));
    },
    async close() {
      closed = true;
      client.destroy();
      subscriber.destroy();
    },
    redis: {
      get isReady(): boolean {
        return client.isReady;
      },
      eval: (script, given) => measured("eval", client.eval(script, given)),
      del: (key) => measured("del", client.del(key)),
    },
  };
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
  const channels = new EventEmitter();
  return {
    async publish(channel, message) {
      channels.emit(channel, message);
    },
    subscribe(channel, listener, listening) {
      channels.on(channel, listener);
      listening();
    },
    async ping() {},
    async close() {
      channels.removeAllListeners();
    },
    redis: undefined,
  };
}
