using System;

namespace Fastpar;

/// <summary>What an archive reads from, if that is a function.</summary>
internal sealed unsafe class SourceState : CallState
{
    private const int ReadKind = 1;

    /// <summary>The most bytes that the function is asked for at once.</summary>
    private const ulong Most = 1 << 30;

#if NET
    private static fastpar_archive_open_source_read OnReadDelegate => &RunRead;
#else
    private static readonly fastpar_archive_open_source_read OnReadDelegate = RunRead;
#endif

    private readonly ReadAtAction read;

    /// <param name="read">The function.</param>
    /// <param name="owned">Closed with the archive. May be null.</param>
    internal SourceState(ReadAtAction read, IDisposable? owned)
        : base(null, default)
    {
        this.read = read;
        Owned = owned;
    }

    internal IDisposable? Owned { get; }

    internal static fastpar_archive_open_source_read OnRead => OnReadDelegate;

    /// <summary>The call that wanted the bytes, whichever it is, fails with the text of the
    /// exception.</summary>
    internal override int Fail(Exception exception, long position)
    {
        fastpar_error error = default;
        error.status = NativeMethods.FASTPAR_ERR_CALLBACK;
        error.code = 1;
        error.position = ulong.MaxValue;
        byte[] text = System.Text.Encoding.UTF8.GetBytes(exception.Message);
        for (int i = 0; i < Math.Min(text.Length, 200); i++)
        {
            error.message[i] = text[i];
        }
        NativeMethods.fastpar_fail(&error);
        return 1;
    }

    protected override int Invoke(int kind, void* a, void* b, void* c)
    {
        ulong offset = *(ulong*)a;
        ulong left = *(ulong*)c;
        for (byte* at = (byte*)b; left > 0;)
        {
            ulong part = Math.Min(left, Most);
            read((long)offset, new Span<byte>(at, (int)part));
            offset += part;
            at += part;
            left -= part;
        }
        return 0;
    }

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_archive_open_source_read_delegate))]
    private static int RunRead(void* userData, ulong offset, void* buffer, UIntPtr length)
    {
        ulong bytes = (ulong)length;
        return ((SourceState)From(userData)).Callback(ReadKind, &offset, buffer, &bytes);
    }
}
