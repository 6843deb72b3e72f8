import { integer, rate, serviceConfig, url, variable } from "@crm/platform/config";
import { z } from "zod";

/** A page that takes a one-time token; behind `#`, the token is in no server's log. */
const pageWithToken = z
  .string()
  .regex(/^https?:\/\/.*\{token\}/, "must be a URL with {token}, like https://…/#token={token}")
  .default("");

/** The variables that user-svc reads. */
export const userConfig = serviceConfig
  .extend({
    JWT_SIGNING_KEY: variable(
      z
        .string()
        .startsWith("-----BEGIN PRIVATE KEY-----", "must be an RSA private key: PKCS #8, in PEM"),
      { description: "The RSA private key (PKCS #8, PEM) that signs access tokens.", secret: true },
    ),
    JWT_ACCEPTED_KEYS: variable(z.string().default(""), {
      description:
        "Further public keys (SPKI, PEM, one after the other) whose tokens are still accepted; see [key rotation](key-rotation.md).",
    }),
    ENCRYPTION_SECRET: variable(
      z.string().min(32, "must have at least 32 characters; openssl rand -base64 32"),
      {
        description:
          "What is kept encrypted in the database (second factors) is readable with this alone.",
        secret: true,
      },
    ),
    JWT_ISSUER: variable(z.string().default("crm-user-svc"), {
      description: "`iss` of access tokens.",
    }),
    JWT_AUDIENCE: variable(z.string().default("crm"), { description: "`aud` of access tokens." }),
    ACCESS_TOKEN_SECONDS: variable(integer(30, 86_400).prefault("900"), {
      description: "How long an access token is good.",
      unit: "seconds",
    }),
    REFRESH_TOKEN_DAYS: variable(integer(1, 365).prefault("30"), {
      description: "How long a refresh token is good.",
      unit: "days",
    }),
    BCRYPT_COST: variable(integer(4, 15).prefault("12"), {
      description: "The cost of a password's hash; one more doubles it. At least 12 in production.",
      unit: "log2 of rounds",
    }),
    SMTP_URL: variable(url("smtp:", "smtps:").optional(), {
      description: "The server that mails invitations and resets; without it, they are not mailed.",
      secret: true,
    }),
    MAIL_FROM: variable(
      z
        .string()
        .regex(/^[^\r\n]*@[^\r\n]*$/, "must be an address: CRM <crm@company.example>")
        .default(""),
      { description: "The sender of mail. Needed with SMTP_URL." },
    ),
    INVITATION_URL: variable(pageWithToken, {
      description: "The page that invitations lead to, with `{token}` in it. Needed with SMTP_URL.",
    }),
    RESET_URL: variable(pageWithToken, {
      description:
        "The page that password resets lead to, with `{token}` in it. Needed with SMTP_URL.",
    }),
    LIMIT_REGISTER_PER_ADDRESS: variable(rate().prefault("20/1h"), {
      description: "Registrations from one address.",
      unit: "rate",
    }),
    LIMIT_LOGIN_PER_ADDRESS: variable(rate().prefault("15/15m"), {
      description:
        "Wrong passwords, codes and one-time tokens from one address; who signs in rightly is not counted.",
      unit: "rate",
    }),
    LIMIT_REFRESH_PER_ADDRESS: variable(rate().prefault("300/1m"), {
      description:
        "Wrong refresh tokens from one address. Browsers whose sessions were ended send some, without a person's doing.",
      unit: "rate",
    }),
    LIMIT_LOGIN_PER_ACCOUNT: variable(rate().prefault("5/15m"), {
      description:
        "So many wrong passwords or codes in a row are free; then each waits longer, up to this time.",
      unit: "rate",
    }),
  })
  .refine(({ NODE_ENV, BCRYPT_COST }) => NODE_ENV !== "production" || BCRYPT_COST >= 12, {
    path: ["BCRYPT_COST"],
    message: "must be at least 12 in production",
    when: () => true,
  })
  .superRefine(
    (config, ctx) => {
      if (config.SMTP_URL === undefined) return;
      for (const name of ["MAIL_FROM", "INVITATION_URL", "RESET_URL"] as const) {
        if (config[name] !== "") continue;
        ctx.addIssue({ code: "custom", path: [name], message: "is not set, but SMTP_URL is" });
      }
    },
    { when: () => true },
  );

export type UserConfig = z.output<typeof userConfig>;
