import Basics
import Foundation
import TestSupport
import Testing
import Transport

@Suite struct ControlLinkTests {
    private func text(_ frame: Frame?) -> String? { frame.map { String(decoding: $0.bytes, as: UTF8.self) } }
    private func frame(_ text: String) -> Frame { Frame(copying: Array(text.utf8)) }

    @Test("the server hears each peer by name and answers each", arguments: Way.allCases)
    func roundTrip(way: Way) throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let server = try ControlServer(context, bind: way.endpoint(in: directory))
        let names = ["worker 0", "worker 1", "worker 2"]
        let clients = try names.map {
            try ControlClient(context, connect: server.endpoint, identity: Array($0.utf8))
        }
        for (client, name) in zip(clients, names) {
            #expect(try client.send(frame("hello from \(name)"), timeoutMilliseconds: 1000))
        }
        for _ in names {
            let (peer, message) = try #require(try server.receive(timeoutMilliseconds: 5000))
            let name = String(decoding: peer, as: UTF8.self)
            #expect(text(message) == "hello from \(name)")
            #expect(try server.send(frame("welcome \(name)"), to: peer) == .sent)
        }
        for (client, name) in zip(clients, names) {
            #expect(text(try client.receive(timeoutMilliseconds: 5000)) == "welcome \(name)")
        }
        #expect(try server.receive(timeoutMilliseconds: 0) == nil)
    }

    @Test("a message to a peer that is not there is reported, not lost in silence")
    func unknownPeer() throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let server = try ControlServer(context, bind: "ipc://" + directory.file("s.ipc"))
        #expect(try server.send(frame("ticket"), to: Array("nobody".utf8)) == .unknownPeer)
        let client = try ControlClient(context, connect: server.endpoint, identity: Array("w".utf8))
        #expect(try client.send(frame("hello"), timeoutMilliseconds: 1000))
        #expect(try server.receive(timeoutMilliseconds: 5000) != nil)
        #expect(try server.send(frame("ticket"), to: Array("w".utf8)) == .sent)
        client.close()
        #expect(try eventually { try server.send(frame("ticket"), to: Array("w".utf8)) == .unknownPeer })
    }

    @Test("a peer that comes back under its old name is heard at once, and answers go to the new one")
    func handover() throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let server = try ControlServer(context, bind: "ipc://" + directory.file("s.ipc"))
        let name = Array("w".utf8)
        let old = try ControlClient(context, connect: server.endpoint, identity: name)
        #expect(try old.send(frame("old"), timeoutMilliseconds: 1000))
        #expect(try server.receive(timeoutMilliseconds: 5000) != nil)
        let new = try ControlClient(context, connect: server.endpoint, identity: name)
        #expect(try new.send(frame("new"), timeoutMilliseconds: 1000))
        let (peer, message) = try #require(try server.receive(timeoutMilliseconds: 5000))
        #expect(peer == name)
        #expect(text(message) == "new")
        #expect(try server.send(frame("answer"), to: name) == .sent)
        #expect(text(try new.receive(timeoutMilliseconds: 5000)) == "answer")
    }

    @Test("one poll waits for links and plain descriptors, and tells which are ready")
    func pollWakes() throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let pull = try PullLink(context, bind: "ipc://" + directory.file("b.ipc"))
        let server = try ControlServer(context, bind: "ipc://" + directory.file("c.ipc"))
        let stop = StopToken.manual()
        let items: [PollItem] = [.link(pull), .link(server), .descriptor(stop.descriptor)]
        #expect(poll(items, timeoutMilliseconds: 0) == [])
        #expect(poll(items, timeoutMilliseconds: 20) == [])
        stop.stop()
        #expect(poll(items, timeoutMilliseconds: 5000) == [2])
        let push = try PushLink(context, connect: pull.endpoint)
        #expect(try push.send([Frame(byteCount: 1)], timeoutMilliseconds: 1000))
        #expect(eventually { poll(items, timeoutMilliseconds: 100) == [0, 2] })
        #expect(stop.isStopped)
        let client = try ControlClient(context, connect: server.endpoint, identity: [65])
        #expect(try client.send(frame("x"), timeoutMilliseconds: 1000))
        #expect(eventually { poll(items, timeoutMilliseconds: 100) == [0, 1] })
        _ = try pull.receive(timeoutMilliseconds: 0)
        #expect(poll(items, timeoutMilliseconds: 100) == [1])
    }

    @Test("a poll that already waits is woken by another thread's stop")
    func pollIsWoken() throws {
        let stop = StopToken.manual()
        let thread = Thread { stop.stop() }
        thread.start()
        #expect(poll([.descriptor(stop.descriptor)], timeoutMilliseconds: 10_000) == [0])
    }
}
