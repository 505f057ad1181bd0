/// <reference types="node" />
import type { webcrypto } from 'node:crypto';

export type EncryptionAlgorithm = 'aes-128-ctr' | 'aes-256-cbc';
export type IntegrityAlgorithm = 'sha256';
/** Either. */
export type _Algorithm = EncryptionAlgorithm | IntegrityAlgorithm;

export type Algorithms = Readonly<{
  'aes-128-ctr': Readonly<{ keyBits: number; ivBits: number; name: string }>;
  'aes-256-cbc': Readonly<{ keyBits: number; ivBits: number; name: string }>;
  sha256: Readonly<{ keyBits: number; ivBits: undefined; name: string }>;
}>;

export type SealOptionsSub<Algorithm extends _Algorithm = _Algorithm> = Readonly<{
  saltBits: number;
  algorithm: Algorithm;
  iterations: number;
  minPasswordlength: number;
}>;

export type SealOptions = Readonly<{
  encryption: SealOptionsSub<EncryptionAlgorithm>;
  integrity: SealOptionsSub<IntegrityAlgorithm>;
  /** Milliseconds; 0: for ever. */
  ttl: number;
  timestampSkewSec: number;
  localtimeOffsetMsec: number;
  encode?: (data: unknown) => string;
  decode?: (data: string) => unknown;
}>;

export type GenerateKeyOptions<Algorithm extends _Algorithm = _Algorithm> = Pick<
  SealOptionsSub<Algorithm>,
  'algorithm' | 'iterations' | 'minPasswordlength'
> & {
  saltBits?: number | undefined;
  salt?: string | undefined;
  iv?: Uint8Array<ArrayBuffer> | undefined;
};

export type Key<Algorithm extends _Algorithm = _Algorithm> = Readonly<{
  key: webcrypto.CryptoKey;
  salt: string;
  iv: Algorithm extends EncryptionAlgorithm ? Uint8Array<ArrayBuffer> : undefined;
}>;

export type HmacResult = Readonly<{ digest: string; salt: string }>;
/** @deprecated Use {@link HmacResult} instead. */
export type HMacResult = HmacResult;

export type Password = Uint8Array | string;
export declare namespace password {
  type Secret = Readonly<{ id?: string | undefined; secret: Password }>;
  type Specific = Readonly<{ id?: string | undefined; encryption: Password; integrity: Password }>;
  type Hash = Readonly<{ [id: string]: Password | Secret | Specific }>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export const defaults: SealOptions;
export const algorithms: Algorithms;
export const macFormatVersion: '2';
export const macPrefix: 'Fe26.2';

export function clone(options: SealOptions): Mutable<SealOptions> & {
  encryption: Mutable<SealOptions['encryption']>;
  integrity: Mutable<SealOptions['integrity']>;
};
export function randomBits(bits: number): Uint8Array<ArrayBuffer>;

export function generateKey(
  password: Password,
  options: GenerateKeyOptions<EncryptionAlgorithm>,
): Promise<Key<EncryptionAlgorithm>>;
export function generateKey(
  password: Password,
  options: GenerateKeyOptions<IntegrityAlgorithm>,
): Promise<Key<IntegrityAlgorithm>>;
export function encrypt(
  password: Password,
  options: GenerateKeyOptions<EncryptionAlgorithm>,
  data: Uint8Array | string,
): Promise<{ encrypted: Uint8Array<ArrayBuffer>; key: Key<EncryptionAlgorithm> }>;
export function decrypt(
  password: Password,
  options: GenerateKeyOptions<EncryptionAlgorithm>,
  data: Uint8Array | string,
): Promise<string>;
export function hmacWithPassword(
  password: Password,
  options: GenerateKeyOptions<IntegrityAlgorithm>,
  data: string,
): Promise<HmacResult>;

export function seal(object: unknown, password: password.Hash[string], options: SealOptions): Promise<string>;
export function sealSync(object: unknown, password: password.Hash[string], options: SealOptions): string;
export function unseal(sealed: string, password: Password | password.Hash, options: SealOptions): Promise<unknown>;
export function unsealSync(sealed: string, password: Password | password.Hash, options: SealOptions): unknown;
