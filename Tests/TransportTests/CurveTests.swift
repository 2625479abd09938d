import Basics
import Foundation
import Synchronization
import TestSupport
import Testing
import Transport

/// Real tcp sockets, each with keys that are right, wrong or missing.
@Suite struct CurveTests {
    private let trainer = CurveKeyPair.generate()
    private let friend = CurveKeyPair.generate()
    private let stranger = CurveKeyPair.generate()

    private func frame(_ text: String) -> Frame { Frame(copying: Array(text.utf8)) }
    private func text(_ frame: Frame) -> String { unsafe String(decoding: frame.bytes, as: UTF8.self) }

    @Test("only a listed key gets batches through; others get nothing and disturb nobody")
    func batches() throws {
        let context = TransportContext()
        let refusals = Mutex<[String]>([])
        let gate = try Gatekeeper(context, allowed: [friend.publicKey]) { line in refusals.withLock { $0.append(line) }
        }
        let server = LinkSecurity.server(trainer, allowed: [friend.publicKey])
        let pull = try PullLink(context, bind: "tcp://127.0.0.1:*", security: server)
        let wrongServer = LinkSecurity.client(friend, serverKey: stranger.publicKey)
        let securities: [LinkSecurity] = [
            .client(stranger, serverKey: trainer.publicKey), .none, wrongServer,
            .client(friend, serverKey: trainer.publicKey),
        ]
        let links = try securities.map { try PushLink(context, connect: pull.endpoint, security: $0) }
        for round in 0..<20 {
            for (number, link) in links.enumerated() {
                _ = try link.send([frame("\(number)")], timeoutMilliseconds: number == 3 ? 5000 : 0)
            }
            let received = try #require(try pull.receive(timeoutMilliseconds: 5000), "round \(round)")
            #expect(text(received[0]) == "3")
        }
        #expect(eventually { refusals.withLock { !$0.isEmpty } })
        #expect(try pull.receive(timeoutMilliseconds: 300) == nil)
        let lines = refusals.withLock { $0 }
        #expect(
            lines == ["a peer at 127.0.0.1 is not let in: its key \(stranger.publicKey) is not allowed"], "\(lines)")
        for link in links { link.close(lingerMilliseconds: 0) }
        pull.close()
        gate.close()
        context.close()
    }

    @Test("only a listed key is heard and answered on the control socket")
    func control() throws {
        let context = TransportContext()
        let gate = try Gatekeeper(context, allowed: [friend.publicKey]) { _ in }
        let server = try ControlServer(
            context, bind: "tcp://127.0.0.1:*", security: .server(trainer, allowed: [friend.publicKey]))
        func client(_ name: String, _ security: LinkSecurity) throws -> ControlClient {
            try ControlClient(context, connect: server.endpoint, identity: Array(name.utf8), security: security)
        }
        let clients = [
            try client("friend", .client(friend, serverKey: trainer.publicKey)),
            try client("stranger", .client(stranger, serverKey: trainer.publicKey)), try client("plain", .none),
        ]
        for client in clients { #expect(try client.send(frame("hello"), timeoutMilliseconds: 1000)) }
        let (peer, _) = try #require(try server.receive(timeoutMilliseconds: 5000))
        #expect(peer == Array("friend".utf8))
        #expect(try server.receive(timeoutMilliseconds: 500) == nil)
        #expect(try server.send(frame("welcome"), to: peer) == .sent)
        #expect(try clients[0].receive(timeoutMilliseconds: 5000).map(text) == "welcome")
        #expect(try clients[1].receive(timeoutMilliseconds: 0) == nil)
        for client in clients { client.close(lingerMilliseconds: 0) }
        server.close(lingerMilliseconds: 0)
        gate.close()
        context.close()
    }

    @Test("a folder of keys serves both ends, its files are for their owner alone, and none is overwritten")
    func folder() throws {
        let directory = try TemporaryDirectory()
        let keys = KeyFolder(path: directory.file("keys"))
        try keys.make(worker: "east")
        try keys.make(worker: "west")
        guard case .server(let pair, let allowed) = try keys.server(),
            case .client(let east, let server) =
                try keys.client("east"), case .client(let west, _) = try keys.client("west")
        else { return #expect(Bool(false), "not the two ends") }
        #expect(server == pair.publicKey)
        #expect(allowed == [east.publicKey, west.publicKey])
        for name in try FileManager.default.contentsOfDirectory(atPath: keys.path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(keys.path)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        #expect(throws: TransportError.keyExists(path: "\(keys.path)/east.secret")) { try keys.make(worker: "east") }
    }

    @Test("a key that is missing, malformed or open to others is named")
    func badFolder() throws {
        let directory = try TemporaryDirectory()
        let keys = KeyFolder(path: directory.file("keys"))
        try keys.make(worker: "east")
        #expect(
            throws: TransportError.cannotKeepKey(path: "\(keys.path)/west.public", reason: "No such file or directory")
        ) {
            _ = try keys.client("west")
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(keys.path)/east.secret")
        #expect(throws: TransportError.keyOpenToOthers(path: "\(keys.path)/east.secret", mode: "644")) {
            _ = try keys.client("east")
        }
        try directory.write("too short\n", to: "keys/allowed")
        let error = #expect(throws: TransportError.self) { _ = try keys.server() }
        #expect(
            error?.description == "transport: \(keys.path)/allowed: bad key: expected 40 characters of Z85, "
                + "found 3 characters. Make keys with `pinsage keys --out FOLDER`.")
    }
}
