// Whatever compiles against iron-session 9 and iron-webcrypto compiles against ironjar: each of their exports may stand
// where ours does, and the other way round. Compiled only.
import * as theirs from 'iron-session';
import * as ours from 'ironjar';
import * as theirIron from 'iron-webcrypto';
import * as ourIron from 'ironjar/iron';

export const forward: typeof theirs = ours;
export const forwardIron: typeof theirIron = ourIron;

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type All<T extends true[]> = T;

export type Types = All<
  [
    Same<ours.CookieJar, theirs.CookieJar>,
    Same<ours.CookieStore, theirs.CookieStore>,
    Same<ours.IronSession<{ n: number }>, theirs.IronSession<{ n: number }>>,
    Same<Omit<ours.SessionOptions, 'format'>, theirs.SessionOptions>,
    Same<ours.UnsealErrorReason, theirs.UnsealErrorReason>,
    Same<ourIron.Algorithms, theirIron.Algorithms>,
    Same<ourIron._Algorithm, theirIron._Algorithm>,
    Same<ourIron.EncryptionAlgorithm, theirIron.EncryptionAlgorithm>,
    Same<ourIron.GenerateKeyOptions, theirIron.GenerateKeyOptions>,
    Same<ourIron.HMacResult, theirIron.HMacResult>,
    Same<ourIron.HmacResult, theirIron.HmacResult>,
    Same<ourIron.IntegrityAlgorithm, theirIron.IntegrityAlgorithm>,
    Same<ourIron.Key, theirIron.Key>,
    Same<ourIron.Password, theirIron.Password>,
    Same<ourIron.SealOptions, theirIron.SealOptions>,
    Same<ourIron.SealOptionsSub, theirIron.SealOptionsSub>,
    Same<ourIron.password.Hash, theirIron.password.Hash>,
    Same<ourIron.password.Secret, theirIron.password.Secret>,
    Same<ourIron.password.Specific, theirIron.password.Specific>,
    Same<keyof typeof theirs, keyof typeof theirs & keyof typeof ours>,
    Same<keyof typeof theirIron, keyof typeof theirIron & keyof typeof ourIron>,
    Same<ReturnType<typeof ours.sealData>, ReturnType<typeof theirs.sealData>>,
    Same<ReturnType<typeof ourIron.clone>, ReturnType<typeof theirIron.clone>>,
    Same<ReturnType<typeof ourIron.randomBits>, ReturnType<typeof theirIron.randomBits>>,
    Same<ReturnType<typeof ourIron.encrypt>, ReturnType<typeof theirIron.encrypt>>,
    Same<typeof ours.getIronSession, typeof theirs.getIronSession>,
    Same<typeof ourIron.generateKey, typeof theirIron.generateKey>,
    Same<typeof ourIron.seal, typeof theirIron.seal>,
    Same<typeof ourIron.unseal, typeof theirIron.unseal>,
  ]
>;
