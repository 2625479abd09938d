import Basics
import Foundation
import TestSupport
import Testing
import Transport

@Suite struct EndpointTests {
    private func bindError(_ endpoint: String) -> TransportError? {
        let context = TransportContext()
        do {
            let link = try PullLink(context, bind: endpoint)
            link.close()
            return nil
        } catch { return error }
    }

    @Test(
        "a malformed endpoint is refused by both ends",
        arguments: [
            "", "nonsense", "ipc://", "tcp://", "tcp://host", "tcp://:80", "tcp://h:0", "tcp://h:x", "udp://h:1",
        ])
    func malformed(endpoint: String) {
        #expect(bindError(endpoint) == .badEndpoint(endpoint: endpoint))
        let context = TransportContext()
        #expect(throws: TransportError.badEndpoint(endpoint: endpoint)) { try PushLink(context, connect: endpoint) }
    }

    @Test(
        "an address where somebody listens is in use, and whoever listens goes on undisturbed", arguments: Way.allCases)
    func inUse(way: Way) throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let first = try PullLink(context, bind: way.endpoint(in: directory))
        #expect(bindError(first.endpoint) == .addressInUse(endpoint: first.endpoint))
        let push = try PushLink(context, connect: first.endpoint)
        #expect(try push.send([Frame(copying: [1])], timeoutMilliseconds: 1000))
        #expect(try first.receive(timeoutMilliseconds: 5000)?.count == 1)
    }

    @Test("a socket file that a dead process left is no obstacle")
    func staleFile() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("s.ipc")
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        #expect(listen(descriptor, 1) == 0)
        #expect(bindError("ipc://\(path)") == .addressInUse(endpoint: "ipc://\(path)"))
        close(descriptor)
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(bindError("ipc://\(path)") == nil)
    }

    @Test("a file that is no socket is left alone")
    func otherFile() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("precious", to: "notes.txt")
        #expect(bindError("ipc://\(path)") == .notASocket(endpoint: "ipc://\(path)", path: path))
        #expect(try directory.text("notes.txt") == "precious")
    }

    @Test("a missing directory, a path too long and a foreign address are named")
    func places() throws {
        let directory = try TemporaryDirectory()
        let missing = "ipc://" + directory.file("no/s.ipc")
        #expect(bindError(missing) == .missingDirectory(endpoint: missing, directory: directory.file("no/")))
        func endpoint(bytes: Int) -> String {
            "ipc://" + directory.path + "/" + String(repeating: "x", count: bytes - directory.path.utf8.count - 1)
        }
        #expect(bindError(endpoint(bytes: 107)) == nil)
        let long = endpoint(bytes: 108)
        #expect(bindError(long) == .pathTooLong(endpoint: long, byteCount: 108, byteCountMax: 107))
        let foreign = "tcp://192.0.2.1:5555"
        #expect(bindError(foreign) == .addressNotOfThisHost(endpoint: foreign))
        #expect(bindError("tcp://no.such.host:5555") == .addressNotOfThisHost(endpoint: "tcp://no.such.host:5555"))
    }

    @Test("a directory where nobody may write is named")
    func permission() {
        #expect(bindError("ipc:///sys/s.ipc") == .permissionDenied(endpoint: "ipc:///sys/s.ipc"))
    }

    @Test("each error is one line that names the endpoint and says what to do")
    func texts() {
        let e = "ipc:///run/b.ipc"
        let lines: [(TransportError, String)] = [
            (
                .badEndpoint(endpoint: "x"),
                "bad endpoint: expected ipc://PATH or tcp://HOST:PORT, found x. Correct samplers.endpoint."
            ),
            (
                .pathTooLong(endpoint: e, byteCount: 130, byteCountMax: 107),
                "path too long: expected at most 107 bytes, found 130. Set samplers.endpoint to a shorter ipc://PATH, "
                    + "for example in /tmp."
            ),
            (
                .missingDirectory(endpoint: e, directory: "/run/"),
                "no such directory: expected /run/, found nothing. Create it."
            ),
            (
                .addressInUse(endpoint: e),
                "address in use: expected a free endpoint, found a process that listens. Stop it, or choose another "
                    + "samplers.endpoint."
            ),
            (
                .messageTooLarge(endpoint: e, what: "frames", count: 65, countMax: 64),
                "message dropped: expected at most 64 frames, found 65. Run the same version on both ends."
            ),
        ]
        for (error, text) in lines {
            let name = error == .badEndpoint(endpoint: "x") ? "x" : e
            #expect("\(error)" == "transport: \(name): \(text)")
        }
    }
}
