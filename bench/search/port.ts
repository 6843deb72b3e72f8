import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AuthService } from "@crm/proto/user/v1/auth_pb";
import { contactHitPage } from "../../crm-svc/src/contacts/search/schema.ts";
import type { Server } from "../server.ts";
import type { Tenant } from "../tenant.ts";

type Hit = ReturnType<typeof contactHitPage.parse>["items"][number];

/** The search as a client has it. */
export interface Port {
  /** Milliseconds until the whole page is there. */
  measure(q: string): Promise<number>;
  hits(q: string, limit: number): Promise<Hit[]>;
}

/** Signs in anew: filling the table took longer than a token lasts, and so may measuring. */
export async function openPort(userSvc: Server, crmSvc: Server, tenant: Tenant): Promise<Port> {
  const transport = createConnectTransport({ baseUrl: userSvc.origin, httpVersion: "1.1" });
  const auth = createClient(AuthService, transport);
  const lasting = 600_000;
  let token = "";
  let until = 0;

  async function signIn(): Promise<void> {
    if (Date.now() < until) return;
    const { session } = await auth.login({
      tenant: tenant.slug,
      email: "ada@bench.example",
      password: tenant.password,
    });
    if (!session) throw new Error("the answer to login has no session");
    token = session.accessToken;
    until = Date.now() + lasting;
  }

  async function get(q: string, limit: number): Promise<string> {
    const query = new URLSearchParams({ q, limit: String(limit) });
    const response = await fetch(`${crmSvc.origin}/v1/contacts/search?${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`${q}: ${response.status} ${body}`);
    return body;
  }

  return {
    async measure(q) {
      await signIn();
      const began = performance.now();
      await get(q, 25);
      return performance.now() - began;
    },
    async hits(q, limit) {
      await signIn();
      return contactHitPage.parse(JSON.parse(await get(q, limit))).items;
    },
  };
}
