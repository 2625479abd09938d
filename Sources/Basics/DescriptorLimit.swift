import Glibc

/// Makes sure that this process may have `count` files and sockets open: asks for as many as the system allows it.
///
/// - Throws: `DescriptorLimitError` when that is fewer. The socket library would end the process where it runs out.
public func requireDescriptors(_ count: Int) throws(DescriptorLimitError) {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    guard limit.rlim_cur >= UInt(count) else { throw DescriptorLimitError(expected: count, found: Int(limit.rlim_cur)) }
}

/// Too few open files are allowed.
public struct DescriptorLimitError: Error, Equatable, CustomStringConvertible {
    public let expected: Int
    public let found: Int

    public var description: String {
        "process: open files: expected a limit of at least \(expected), found \(found). Raise it with `ulimit -n`."
    }
}
