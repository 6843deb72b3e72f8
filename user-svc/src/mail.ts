import type { Foundation } from "@crm/platform/service";
import { createTransport } from "nodemailer";
import type { UserConfig } from "./config.ts";

/** The request is waiting. What takes longer may still arrive, or not: the log says so. */
const TIMEOUT_MS = 5_000;

/** To whom and from which company a mail goes. */
export interface Addressee {
  readonly userId: string;
  readonly email: string;
  readonly fullName: string;
  /** The company's name. */
  readonly tenantName: string;
}

/**
 * Sends mails with one-time tokens. Each resolves when the mail was handed over, or could not be within
 * five seconds: that is logged and never thrown, since the token has its way in the answer as well.
 */
export interface Mailer {
  invite(to: Addressee, token: string): Promise<void>;
  resetPassword(to: Addressee, token: string): Promise<void>;
}

type MailConfig = Pick<UserConfig, "SMTP_URL" | "MAIL_FROM" | "INVITATION_URL" | "RESET_URL">;

/** Mails by the SMTP server that is configured; without one, nothing is sent. */
export function mailer(config: MailConfig, log: Foundation<unknown>["log"]): Mailer {
  const { SMTP_URL, MAIL_FROM, INVITATION_URL, RESET_URL } = config;
  if (SMTP_URL === undefined) return { async invite() {}, async resetPassword() {} };
  const transport = createTransport(
    {
      url: SMTP_URL,
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from: MAIL_FROM },
  );

  async function send(kind: string, to: Addressee, subject: string, lines: readonly string[]) {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const giveUp = () => reject(new Error(`not sent within ${TIMEOUT_MS} ms`));
    const timer = setTimeout(giveUp, TIMEOUT_MS);
    const address = { name: oneLine(to.fullName), address: to.email };
    const mail = { to: address, subject, text: lines.join("\n") };
    try {
      await Promise.race([transport.sendMail(mail), late]);
    } catch (error) {
      log.warn({ event: "mail_not_sent", kind, userId: to.userId, reason: reasonOf(error) });
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    invite: (to, token) =>
      send("invitation", to, `Your invitation to ${oneLine(to.tenantName)}`, [
        `Hello ${oneLine(to.fullName)},`,
        "",
        `you have been invited to the CRM of ${oneLine(to.tenantName)}. Choose your password here:`,
        "",
        link(INVITATION_URL, token),
        "",
        "This works once, within the next 72 hours. If you do not know what this is about, you need",
        "not do anything.",
        "",
      ]),
    resetPassword: (to, token) =>
      send("password_reset", to, `A new password for ${oneLine(to.tenantName)}`, [
        `Hello ${oneLine(to.fullName)},`,
        "",
        `an administrator of ${oneLine(to.tenantName)} lets you choose a new password. Do it here:`,
        "",
        link(RESET_URL, token),
        "",
        "This works once, within the next hour. You will have to sign in again everywhere. If you do",
        "not do it, nothing changes.",
        "",
      ]),
  };
}

function link(template: string, token: string): string {
  return template.replaceAll("{token}", () => encodeURIComponent(token));
}

/** A name must not begin a line of its own: not in a header, and not to look like our words. */
function oneLine(name: string): string {
  return name.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}

/** Servers quote addresses in their errors, which do not belong into a log. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const code = "code" in error ? String(error.code) : error.name;
  const answer = "responseCode" in error ? ` ${String(error.responseCode)}` : "";
  return code + answer;
}
