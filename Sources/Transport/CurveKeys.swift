import CZeroMQ
import Foundation

/// A pair of CURVE keys: each 40 characters of Z85.
public struct CurveKeyPair: Equatable, Sendable {
    public let publicKey: String
    public let secretKey: String

    /// A new pair, from the library's random numbers.
    public static func generate() -> CurveKeyPair {
        var (publicKey, secretKey) = ([CChar](repeating: 0, count: 41), [CChar](repeating: 0, count: 41))
        let result = unsafe zmq_curve_keypair(&publicKey, &secretKey)
        precondition(result == 0, "transport: CURVE keys: \(lastErrorText())")
        return CurveKeyPair(publicKey: text(publicKey), secretKey: text(secretKey))
    }

    private static func text(_ bytes: [CChar]) -> String {
        String(decoding: bytes.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What a socket proves and demands.
public enum LinkSecurity: Equatable, Sendable {
    /// Nothing: for one host, or a network where every host is trusted.
    case none
    /// The trainer's end: its own keys, and the public keys that are let in.
    case server(CurveKeyPair, allowed: Set<String>)
    /// A worker's end: its own keys, and the only trainer that it talks to.
    case client(CurveKeyPair, serverKey: String)
}

/// A folder of keys, as `pinsage keys` makes it: `trainer.public`, `trainer.secret`, and for each worker `NAME.public`
/// and `NAME.secret`; `allowed` lists the public keys that the trainer lets in, one a line, followed by a name.
///
/// Every file has mode 0600. A worker's host needs `trainer.public` and its own two files.
public struct KeyFolder: Sendable {
    public let path: String

    public init(path: String) {
        self.path = path
    }

    /// The trainer's end.
    /// - Throws: `TransportError` naming the file that is missing, not a key, or open to others.
    public func server() throws(TransportError) -> LinkSecurity {
        let lines = try text("allowed").split(separator: "\n").filter { !$0.hasPrefix("#") }
        var allowed: Set<String> = []
        for line in lines {
            let key = line.split(separator: " ").first.map(String.init) ?? ""
            allowed.insert(try checked(key, file: "allowed"))
        }
        return .server(try pair("trainer"), allowed: allowed)
    }

    /// The end of the worker whose keys have this name.
    public func client(_ name: String) throws(TransportError) -> LinkSecurity {
        .client(try pair(name), serverKey: try key("trainer.public"))
    }

    /// Makes the folder and the trainer's keys where they are missing, and the keys of a worker, which is let in.
    ///
    /// - Throws: `TransportError.keyExists` when the worker has keys already.
    public func make(worker name: String) throws(TransportError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .cannotKeepKey(path: path, reason: error.localizedDescription)
        }
        if !FileManager.default.fileExists(atPath: "\(path)/trainer.secret") { try write(.generate(), name: "trainer") }
        let pair = CurveKeyPair.generate()
        try write(pair, name: name)
        try append("\(pair.publicKey) \(name)\n", to: "allowed", flags: O_APPEND)
    }

    private func write(_ pair: CurveKeyPair, name: String) throws(TransportError) {
        try append(pair.secretKey + "\n", to: "\(name).secret", flags: O_EXCL)
        try append(pair.publicKey + "\n", to: "\(name).public", flags: O_EXCL)
    }

    private func append(_ text: String, to name: String, flags: Int32) throws(TransportError) {
        let file = "\(path)/\(name)"
        let descriptor = unsafe open(file, O_CREAT | O_WRONLY | O_CLOEXEC | flags, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw .keyExists(path: file) }
            throw .cannotKeepKey(path: file, reason: unsafe String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        let written = unsafe Foundation.write(descriptor, bytes, bytes.count)
        guard written == bytes.count, fsync(descriptor) == 0 else {
            throw .cannotKeepKey(path: file, reason: unsafe String(cString: strerror(errno)))
        }
    }

    private func pair(_ name: String) throws(TransportError) -> CurveKeyPair {
        CurveKeyPair(publicKey: try key("\(name).public"), secretKey: try key("\(name).secret"))
    }

    private func key(_ name: String) throws(TransportError) -> String {
        try checked(try text(name).trimmingCharacters(in: .whitespacesAndNewlines), file: name)
    }

    private func checked(_ key: String, file: String) throws(TransportError) -> String {
        guard key.utf8.count == 40, decodedKey(key) != nil else {
            throw .badKey(path: "\(path)/\(file)", found: "\(key.utf8.count) characters")
        }
        return key
    }

    private func text(_ name: String) throws(TransportError) -> String {
        let file = "\(path)/\(name)"
        var status = stat()
        guard unsafe stat(file, &status) == 0 else {
            throw .cannotKeepKey(path: file, reason: unsafe String(cString: strerror(errno)))
        }
        if name.hasSuffix(".secret"), status.st_mode & 0o077 != 0 {
            throw .keyOpenToOthers(path: file, mode: String(status.st_mode & 0o777, radix: 8))
        }
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw .cannotKeepKey(path: file, reason: "it cannot be read")
        }
        return text
    }
}

/// The 32 bytes that a key's 40 characters stand for, or nil.
func decodedKey(_ key: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 32)
    guard key.utf8.count == 40, unsafe zmq_z85_decode(&bytes, key) != nil else { return nil }
    return bytes
}
