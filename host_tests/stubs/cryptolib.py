"""CPython stand-in for MicroPython's built-in `cryptolib`, over `cryptography`."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class aes:
    def __init__(self, key, mode, iv=None):
        if mode == 1:
            chosen = modes.ECB()
        elif mode == 2:
            chosen = modes.CBC(bytes(iv))
        else:
            raise ValueError("mode")
        self._cipher = Cipher(algorithms.AES(bytes(key)), chosen)

    def encrypt(self, data, out=None):
        return self._give(self._cipher.encryptor().update(bytes(data)), out)

    def decrypt(self, data, out=None):
        return self._give(self._cipher.decryptor().update(bytes(data)), out)

    def _give(self, done, out):
        if out is None:
            return done
        out[:] = done
        return out
